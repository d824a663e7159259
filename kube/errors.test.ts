import { expect, it } from 'vitest'
import { isKubeError, kubeErrorFrom } from './errors.ts'

it('names every status', () => {
  const codes = [400, 401, 403, 404, 405, 409, 410, 415, 422, 429, 500, 503, 504].map((status) => [
    status,
    kubeErrorFrom(status, {}).code,
  ])
  expect(codes).toEqual([
    [400, 'FL_KUBE_BAD_REQUEST'],
    [401, 'FL_KUBE_UNAUTHORIZED'],
    [403, 'FL_KUBE_FORBIDDEN'],
    [404, 'FL_KUBE_NOT_FOUND'],
    [405, 'FL_KUBE_REFUSED'],
    [409, 'FL_KUBE_CONFLICT'],
    [410, 'FL_KUBE_GONE'],
    [415, 'FL_KUBE_REFUSED'],
    [422, 'FL_KUBE_INVALID'],
    [429, 'FL_KUBE_THROTTLED'],
    [500, 'FL_KUBE_SERVER'],
    [503, 'FL_KUBE_SERVER'],
    [504, 'FL_KUBE_SERVER'],
  ])
})

it('takes message, reason, details and the wait from the Status', () => {
  const error = kubeErrorFrom(409, {
    kind: 'Status',
    message: 'it exists',
    reason: 'AlreadyExists',
    details: { name: 'web', retryAfterSeconds: 2 },
  })
  expect(error).toMatchObject({
    code: 'FL_KUBE_EXISTS',
    status: 409,
    reason: 'AlreadyExists',
    message: 'it exists',
    details: { name: 'web' },
    retryAfterMs: 2000,
  })
  expect(isKubeError(error)).toBe(true)
  expect(isKubeError(error, 'FL_KUBE_CONFLICT', 'FL_KUBE_EXISTS')).toBe(true)
  expect(isKubeError(error, 'FL_KUBE_CONFLICT')).toBe(false)
  expect(isKubeError(new Error('other'))).toBe(false)
})

it('quotes what is not a Status, shortened', () => {
  expect(kubeErrorFrom(502, `<html>${'x'.repeat(500)}`).message).toHaveLength(200)
  expect(kubeErrorFrom(502, null).message).toBe('the server answered 502')
})

import { expect, test } from 'vitest'
import { admissionAnswer, readAdmissionReview } from './review.ts'

const request = {
  uid: 'u',
  kind: { group: 'metallb.io', version: 'v1beta1', kind: 'IPAddressPool' },
  operation: 'UPDATE',
  namespace: 'metallb-system',
  name: 'p',
  object: { metadata: { name: 'p' } },
  oldObject: { metadata: { name: 'p' } },
}
const review = (more: object) => ({
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: { ...request, ...more },
})

test('a request is read', () => {
  expect(readAdmissionReview(review({}))).toMatchObject({ ...request, kind: 'IPAddressPool' })
})

test('null stands for an absent object, and a generated name is found in the object', () => {
  const read = readAdmissionReview(
    review({ operation: 'CREATE', name: undefined, object: { metadata: { name: 'p-1' } }, oldObject: null }),
  )
  expect(read).toMatchObject({ name: 'p-1' })
  expect(read).not.toHaveProperty('oldObject')
})

test.each([
  [5],
  [{}],
  [{ ...review({}), apiVersion: 'admission.k8s.io/v1beta1' }],
  [review({ uid: '' })],
  [review({ operation: 'x' })],
])('what is no review is told so: %j', (body) => {
  expect(readAdmissionReview(body)).toEqual(expect.any(String))
})

test('an answer has what the API server shows', () => {
  expect(admissionAnswer('u', { denied: '', warnings: [] })).toEqual({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    response: { uid: 'u', allowed: true },
  })
  expect(admissionAnswer('u', { denied: 'no', warnings: ['a', 'a'] })).toMatchObject({
    response: { allowed: false, status: { code: 403, message: 'no' }, warnings: ['a'] },
  })
})

test('neither many nor long warnings make an answer that is dropped', () => {
  const warnings = Array.from({ length: 1000 }, (_, index) => `${index} ${'x'.repeat(1000)}`)
  const { response } = admissionAnswer('u', { denied: 'y'.repeat(100_000), warnings }) as {
    response: { warnings: string[]; status: { message: string } }
  }
  expect(response.warnings).toHaveLength(13)
  expect(response.warnings.at(-1)).toBe('and 988 more warnings')
  expect(response.warnings.join('').length).toBeLessThan(4096)
  expect(response.status.message.length).toBeLessThan(10_000)
})

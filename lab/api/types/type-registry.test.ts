import { expect, it } from 'vitest'
import { compareVersions } from './type-registry.ts'

it('orders versions as Kubernetes does', () => {
  const versions = ['v1alpha1', 'foo', 'v1', 'v11beta2', 'v10', 'v2', 'v1beta1', 'bar', 'v3beta1', 'v1beta2']
  expect(versions.sort(compareVersions)).toEqual([
    'v10',
    'v2',
    'v1',
    'v11beta2',
    'v3beta1',
    'v1beta2',
    'v1beta1',
    'v1alpha1',
    'bar',
    'foo',
  ])
})

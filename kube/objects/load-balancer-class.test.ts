import { expect, test } from 'vitest'
import { classRefusal } from './load-balancer-class.ts'
import { projectService } from './service.ts'

const service = (spec: object) =>
  projectService({
    metadata: { name: 's', namespace: 'default' },
    spec: { type: 'LoadBalancer', ...spec },
  } as never)

test.each([
  ['no class, none to serve', undefined, '', ''],
  ['no class, one to serve', undefined, 'foo', 'ClassNotOurs'],
  ['a class, none to serve', 'foo', '', 'ClassNotOurs'],
  ['another class than the one to serve', 'foo', 'bar', 'ClassNotOurs'],
  ['the class to serve', 'foo', 'foo', ''],
])('H: %s', (_what, loadBalancerClass, served, refusal) => {
  expect(classRefusal(service({ loadBalancerClass }), served)).toBe(refusal)
})

test('H: a Service of another type is nobody’s, whatever its class', () => {
  expect(classRefusal(service({ type: 'ClusterIP', loadBalancerClass: 'foo' }), 'foo')).toBe(
    'NotLoadBalancer',
  )
})

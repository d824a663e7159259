import { describe, expect, it } from 'vitest'
import { decodeProtobuf } from './protobuf.ts'

/** A length-delimited field. */
const field = (number: number, content: Buffer | string): Buffer => {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.of((number << 3) | 2, bytes.length), bytes])
}
const varint = (number: number, ...octets: number[]): Buffer => Buffer.from([number << 3, ...octets])

const envelope = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])),
    field(2, raw),
    field(3, ''),
    field(4, ''),
  ])

describe('protobuf bodies', () => {
  it('reads a Service: nested messages, maps, lists, int-or-string, booleans, negative numbers', () => {
    const metadata = field(
      1,
      Buffer.concat([field(1, 'web'), field(11, Buffer.concat([field(1, 'a'), field(2, 'b')]))]),
    )
    const targetPort = field(4, Buffer.concat([varint(1, 1), varint(2, 0), field(3, 'http')]))
    const port = field(1, Buffer.concat([field(1, 'x'), varint(3, 0x90, 0x03), targetPort]))
    const minusOne = varint(5, ...Array.from({ length: 9 }, () => 0xff), 0x01)
    const second = field(1, Buffer.concat([varint(3, 1), minusOne]))
    const spec = field(2, Buffer.concat([port, second, field(4, 'ClusterIP'), varint(20, 0).subarray(0, 0)]))
    expect(decodeProtobuf(envelope('v1', 'Service', Buffer.concat([metadata, spec])))).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels: { a: 'b' } },
      spec: {
        type: 'ClusterIP',
        ports: [
          { name: 'x', port: 400, targetPort: 'http' },
          { port: 1, nodePort: -1 },
        ],
      },
    })
  })

  it('reads secrets as base64, times, and embedded structs', () => {
    const data = field(2, Buffer.concat([field(1, 'p'), field(2, Buffer.of(1, 2, 3))]))
    const created = field(1, field(8, varint(1, 60)))
    expect(decodeProtobuf(envelope('v1', 'Secret', Buffer.concat([created, data])))).toMatchObject({
      metadata: { creationTimestamp: '1970-01-01T00:01:00Z' },
      data: { p: 'AQID' },
    })
    const volume = field(1, Buffer.concat([field(1, 'v'), field(2, field(2, ''))]))
    expect(decodeProtobuf(envelope('v1', 'Pod', field(2, volume)))).toMatchObject({
      spec: { volumes: [{ name: 'v', emptyDir: {} }] },
    })
  })

  it('refuses what is cut off in the middle of a field, and what is something else', () => {
    const whole = envelope('v1', 'Namespace', field(1, field(1, 'shop')))
    expect(decodeProtobuf(whole)).toMatchObject({ metadata: { name: 'shop' } })
    const content = whole.indexOf('Namespace') + 'Namespace'.length
    const end = whole.indexOf('shop') + 'shop'.length
    const cuts = Array.from({ length: whole.length }, (_, cut) => cut).filter(
      (cut) => cut < 4 || (cut > 4 && cut < content) || (cut > content && cut < end),
    )
    for (const cut of cuts) {
      expect(() => decodeProtobuf(whole.subarray(0, cut))).toThrow(expect.objectContaining({ code: 400 }))
    }
    expect(() => decodeProtobuf(envelope('example.com/v1', 'Widget', Buffer.alloc(0)))).toThrow('Widget')
  })
})

import { describe, expect, it } from 'vitest'
import { birdConfig } from './bird.ts'
import { frrConfig, withMember } from './frr.ts'
import { gobgpConfig } from './gobgp.ts'

describe('router configurations', () => {
  it.each([
    ['bird', birdConfig()],
    ['frr', frrConfig()],
    ['gobgp', gobgpConfig()],
  ])('%s takes sessions from the whole LAN, in both families, as AS 64512', (_, config) => {
    expect(config).toContain('192.168.1.0/24')
    expect(config).toContain('fd00:192:168:1::/64')
    expect(config).toContain('64512')
    expect(config).toMatch(/ipv4/)
    expect(config).toMatch(/ipv6/)
  })

  it('adds a member to one group only', () => {
    const lines = 'root:x:0:\nfrrvty:x:994:frr\nfrr:x:993:\n'
    expect(withMember(lines, 'frrvty', 'root')).toBe('root:x:0:\nfrrvty:x:994:frr,root\nfrr:x:993:\n')
    expect(withMember(lines, 'frr', 'root')).toBe('root:x:0:\nfrrvty:x:994:frr\nfrr:x:993:root\n')
    expect(withMember(lines, 'none', 'root')).toBe(lines)
  })
})

import { describe, expect, it } from 'vitest'
import { parseName, parseOptions } from './options.ts'

describe('options', () => {
  it('has the defaults that are documented', () => {
    expect(parseOptions({})).toEqual({
      name: 'default',
      nodes: 3,
      router: 'bird',
      families: [4, 6],
      forwarding: 'full',
      speakerOptions: [],
      speakers: true,
      controllers: 1,
    })
  })

  it.each([
    [{ nodes: '0' }, '--nodes'],
    [{ nodes: '90' }, '--nodes'],
    [{ nodes: 'three' }, '--nodes'],
    [{ controllers: '0' }, '--controllers'],
    [{ families: '64' }, '--families'],
    [{ router: 'quagga' }, '--router'],
    [{ forwarding: 'half' }, '--forwarding'],
    [{ name: '../x' }, '--name'],
  ])('refuses %j and names the option', (raw, option) => {
    expect(() => parseOptions(raw)).toThrow(expect.objectContaining({ code: 'FL_LAB_OPTION' }))
    expect(() => parseOptions(raw)).toThrow(option)
  })

  it('splits the further arguments of speakers', () => {
    const { speakerOptions } = parseOptions({ speakerOptions: ' --nodeport-addresses  all --masquerade-all' })
    expect(speakerOptions).toEqual(['--nodeport-addresses', 'all', '--masquerade-all'])
  })

  it('counts replicas of the controller', () => {
    expect(parseOptions({ controllers: '2' })).toMatchObject({ controllers: 2 })
    expect(parseOptions({ controllers: '2', controller: false })).toMatchObject({ controllers: 0 })
  })

  it('takes names that are safe as a directory', () => {
    expect(parseName('bench-2')).toBe('bench-2')
    expect(() => parseName('-x')).toThrow()
    expect(() => parseName('a'.repeat(33))).toThrow()
  })
})

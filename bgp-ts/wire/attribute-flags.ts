/** Among the attribute flags (RFC 4271 4.3). */
export const optional = 0x80
export const transitive = 0x40
export const extendedLength = 0x10

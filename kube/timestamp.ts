/** Asked for again and again within a second, and dear to make. */
let last = { second: Number.NaN, text: '' }

/** metav1.Time: RFC 3339 in whole seconds. @param ms epoch milliseconds */
export function timestamp(ms: number): string {
  const second = Math.floor(ms / 1000)
  if (second !== last.second) last = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` }
  return last.text
}

/** metav1.MicroTime: exactly six digits, or the server's parser refuses it. @param ms epoch milliseconds */
export const microTimestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`

/** metav1.Time: RFC 3339 in whole seconds. @param ms epoch milliseconds */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** metav1.MicroTime: exactly six digits, or the server's parser refuses it. @param ms epoch milliseconds */
export const microTimestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 23)}000Z`

import { expect, test } from 'vitest'
import { errnoError, errnoName, SystemError } from './errors.ts'

test('a refused call has its name, number and purpose', () => {
  const error = errnoError('bind', 98, '10.0.0.1 port 179')
  expect(error).toMatchObject({ code: 'FL_SYS_ERRNO', syscall: 'bind', errno: 98, errnoName: 'EADDRINUSE' })
  expect(error.message).toBe('bind (10.0.0.1 port 179): EADDRINUSE')
})

test.each([
  [11, 'EAGAIN'],
  [95, 'EOPNOTSUPP'],
  [2, 'ENOENT'],
  [9999, 'errno 9999'],
])('%d is %s', (errno, name) => {
  expect(errnoName(errno)).toBe(name)
})

test('what does not apply is empty', () => {
  expect(new SystemError('FL_SYS_CLOSED', 'closed')).toMatchObject({
    syscall: '',
    errno: 0,
    errnoName: '',
    index: -1,
    seq: -1,
  })
})

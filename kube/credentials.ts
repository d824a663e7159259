/** What TLS needs for one connection, as `tls.connect` takes it. */
export interface TlsMaterial {
  readonly ca?: Buffer | string
  readonly cert?: Buffer | string
  readonly key?: Buffer | string
  /** name to verify instead of the host */
  readonly servername?: string
  readonly rejectUnauthorized?: boolean
}

/** The port to whatever proves who we are: files that rotate, programs that are run, identity providers. */
export interface Credentials {
  /** for every request, for instance Authorization */
  headers(): Promise<Readonly<Record<string, string>>>
  /** for every new connection */
  tls(): Promise<TlsMaterial>
  /** The server said 401. @returns whether other credentials may come of asking again */
  forget(): boolean
}

export const noCredentials: Credentials = {
  headers: () => Promise.resolve({}),
  tls: () => Promise.resolve({}),
  forget: () => false,
}

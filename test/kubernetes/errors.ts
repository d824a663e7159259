/** Every way in which the programs of Kubernetes cannot be had or started here. */
export type KubernetesErrorCode =
  /** Go is not installed, or too old for go.mod */
  | 'FL_KUBERNETES_NO_GO'
  /** `go build` failed */
  | 'FL_KUBERNETES_BUILD'
  /** a process ended, or was not ready in time */
  | 'FL_KUBERNETES_START'
  /** openssl is not installed, or refused */
  | 'FL_KUBERNETES_CERTIFICATE'

/** A real Kubernetes cannot be had here; the message is for the person who could change that. */
export class KubernetesError extends Error {
  override readonly name = 'KubernetesError'
  readonly code: KubernetesErrorCode

  constructor(code: KubernetesErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

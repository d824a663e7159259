import type { KubeObject, ObjectKey, PatchOptions, Resource } from '#kube/api.ts'
import { FakeKubeApi } from '#kube/fake-api.ts'
import { resources } from '#kube/resources.ts'

interface Body {
  metadata?: { annotations?: object }
}

/**
 * For tests: as the real server, a write of a Service's status also takes its annotations (the fake takes metadata
 * for no kind, which is right for custom resources only).
 */
export class ServiceStatusApi extends FakeKubeApi {
  override async patch(
    resource: Resource,
    key: ObjectKey,
    body: unknown,
    options: PatchOptions,
  ): Promise<KubeObject> {
    const written = await super.patch(resource, key, body, options)
    const annotations = (body as Body).metadata?.annotations
    if (resource !== resources.services || options.subresource !== 'status' || annotations === undefined)
      return written
    return super.patch(resource, key, { metadata: { annotations } }, { type: 'merge' })
  }
}

/** Every way in which a session is down that it could not tell by itself. */
export type WireErrorCode =
  /** the configuration does not let it come up: a Secret is missing, or something is asked that we cannot do */
  'FL_WIRE_PEER_BLOCKED'

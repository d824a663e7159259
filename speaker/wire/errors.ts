/** Every way in which a session is down that it could not tell by itself. */
export type WireErrorCode =
  /** the configuration does not let it come up: a Secret is missing, or something is asked that we cannot do */
  | 'FL_WIRE_PEER_BLOCKED'
  /** the peer of an unnumbered session has not been heard on its interface yet */
  | 'FL_WIRE_NO_ROUTER'
  /** the source address of the session is on no interface of this node */
  | 'FL_WIRE_SOURCE_ADDRESS'
  /** the peer's address is one of this node's own */
  | 'FL_WIRE_OWN_ADDRESS'
  /** the interface or VRF of the session does not exist */
  | 'FL_WIRE_DEVICE'

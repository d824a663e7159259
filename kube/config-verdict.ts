import type { Problem } from '#crds/config.ts'
import type { ProblemCode } from '#crds/errors.ts'
import type { ConditionInput } from './conditions.ts'

/** Conditions of a ConfigurationState; the first two are upstream's. */
export const configConditions = {
  config: 'configReconcilerValid',
  pools: 'poolReconcilerValid',
  references: 'fairlead.io/ReferencesResolved',
} as const

/** What one process thinks of the configuration. */
export interface ConfigVerdict {
  readonly result: 'Valid' | 'Invalid'
  /** the errors, one a line; '' for none */
  readonly errorSummary: string
  /** by the field manager that owns it, as upstream */
  readonly conditions: ReadonlyMap<string, ConditionInput>
}

const SUMMARY_LIMIT = 16_384
const UNKNOWN_REFERENCE: ProblemCode = 'FL_CRD_UNKNOWN_REFERENCE'

/**
 * The verdict in upstream's form: `result` follows from the errors alone. Names of objects that do not exist (yet)
 * are warnings and have a condition of their own, which makes nothing invalid.
 * @param pools also judge the pools by themselves: upstream's controller does, its speakers do not
 */
export function verdictOf(problems: readonly Problem[], pools: boolean): ConfigVerdict {
  const errors = problems.filter(({ severity }) => severity === 'error')
  const unresolved = problems.filter(
    ({ severity, code }) => severity === 'warning' && code === UNKNOWN_REFERENCE,
  )
  const poolErrors = errors.filter(({ kind }) => kind === 'IPAddressPool')
  return {
    result: errors.length > 0 ? 'Invalid' : 'Valid',
    errorSummary: summary(errors),
    conditions: new Map([
      ...(pools ? [['poolReconciler', validity(configConditions.pools, poolErrors)] as const] : []),
      ['configReconciler', validity(configConditions.config, errors)],
      [
        'fairlead',
        unresolved.length === 0
          ? { type: configConditions.references, status: 'True', reason: 'Resolved', message: '' }
          : {
              type: configConditions.references,
              status: 'False',
              reason: 'UnknownReference',
              message: summary(unresolved),
            },
      ],
    ]),
  }
}

const validity = (type: string, errors: readonly Problem[]): ConditionInput =>
  errors.length === 0
    ? { type, status: 'True', reason: 'Reconciled', message: '' }
    : { type, status: 'False', reason: 'ConfigurationError', message: summary(errors) }

const summary = (problems: readonly Problem[]): string =>
  problems.map(describeProblem).join('\n').slice(0, SUMMARY_LIMIT)

/** One line: which object, which field, what is wrong. */
export const describeProblem = ({ kind, namespace, name, field, message }: Problem): string =>
  `${kind} ${namespace}/${name}${field === '' ? '' : ` ${field}`}: ${message}`

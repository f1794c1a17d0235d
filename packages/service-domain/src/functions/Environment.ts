/**
 * The environment that functions get.
 *
 * @since 0.1.0
 */

/** Of the service domain's own, these: where things are, and how the outside is reached. Never its credentials. */
const passed =
  /^(PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|PYTHON[A-Z]*|PYENV_[A-Z]+|VIRTUAL_ENV|CONDA_[A-Z_]+|LD_LIBRARY_PATH|DYLD_[A-Z_]+|SSL_CERT_(FILE|DIR)|NODE_EXTRA_CA_CERTS|(HTTP|HTTPS|NO|ALL)_PROXY|(http|https|no|all)_proxy|AI_INFERENCE_ENDPOINT)$/

export const make = (
  own: Readonly<Record<string, string | undefined>>,
  more: Readonly<Record<string, string>>
): Readonly<Record<string, string>> => {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) if (value !== undefined && passed.test(name)) env[name] = value
  return { ...env, ...more }
}

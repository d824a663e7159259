/**
 * `npm run build`: what production runs, in `dist/` or the directory that is named. Plain JavaScript, our packages and
 * those of others bundled, so that a process holds in memory only what it uses and strips no types as it starts. Names
 * and lines stay, for stack traces that say something without source maps; the maps beside are for debuggers.
 *
 * `dist/` runs by itself: `node dist/cli/main.js`. Only koffi, which has a native part, stays the package that it is.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative, resolve } from 'node:path'
import { rolldown, type OutputChunk, type Plugin } from 'rolldown'

const ROOT = join(import.meta.dirname, '..')
const NATIVE = 'koffi'

/**
 * Makes what modules name as `new URL('file', import.meta.url)` part of the result, under its path in the sources:
 * other TypeScript as a program of its own (that of a thread), the rest as it is.
 */
const besideModules: Plugin = {
  name: 'beside-modules',
  transform: {
    filter: { id: /\.ts$/, code: 'import.meta.url' },
    handler(code, id) {
      const replaced = code.replaceAll(/new URL\('([^']+)', import\.meta\.url\)/g, (_url, file: string) => {
        const path = join(dirname(id), file)
        const place = relative(ROOT, path)
        const reference = path.endsWith('.ts')
          ? this.emitFile({ type: 'chunk', id: path, fileName: place.replace(/\.ts$/, '.js') })
          : this.emitFile({ type: 'asset', fileName: place, source: readFileSync(path) })
        return `new URL(import.meta.ROLLUP_FILE_URL_${reference})`
      })
      // Nothing moves to another line.
      return { code: replaced, map: null }
    },
  },
}

/**
 * Parts of libraries that their main modules load and nothing here calls: HTTP/2, a parser on trial, and what pushes,
 * gathers and makes metrics of Node itself. Some load much of Node in turn.
 */
const UNUSED =
  /(undici\/lib\/(dispatcher\/client-h2|milo\/(no-)?simd)|prom-client\/lib\/(cluster|defaultMetrics|pushgateway))\.js$/

const withoutUnused: Plugin = {
  name: 'without-unused',
  load: { filter: { id: UNUSED }, handler: () => 'module.exports = undefined' },
}

/** Bundles everything that the command reaches; gives the paths of all modules. */
async function bundle(out: string): Promise<string[]> {
  const build = await rolldown({
    cwd: ROOT,
    input: { 'cli/main': 'cli/main.ts' },
    platform: 'node',
    external: [NATIVE],
    plugins: [besideModules, withoutUnused],
  })
  const { output } = await build.write({
    dir: out,
    format: 'esm',
    sourcemap: true,
    sourcemapExcludeSources: true,
    comments: { legal: true, annotation: false, jsdoc: false },
    chunkFileNames: 'chunks/[name].js',
  })
  await build.close()
  const chunks = output.filter((file): file is OutputChunk => file.type === 'chunk')
  for (const { fileName, code } of chunks) writeFileSync(join(out, fileName), escaped(withLazyBuiltins(code)))
  return chunks.flatMap(({ moduleIds }) => moduleIds)
}

/**
 * Takes from modules of Node what is used, as `require` does. An import reads all that a module exports, and with some
 * of that comes more: fetch and WebSocket with `node:http`, 11 MB. Every line stays where it is.
 */
function withLazyBuiltins(code: string): string {
  return code.replaceAll(
    /^import (?:(\w[\w$]*)(?:, )?)?(?:\{ (.+) \})? from "(node:[\w/]+)";$/gm,
    (line, whole: string | undefined, some: string | undefined, name: string) => {
      if (some?.includes('default as ')) return line
      const module = `process.getBuiltinModule("${name}")`
      const names = some?.replaceAll(/([\w$]+) as ([\w$]+)/g, '$1: $2')
      if (whole === undefined) return `const { ${names} } = ${module};`
      return `const ${whole} = ${module}${names === undefined ? '' : `, { ${names} } = ${whole}`};`
    },
  )
}

/** V8 keeps the text of a program, in two bytes a character when there is one that does not fit into one. */
const escaped = (code: string): string =>
  code.replaceAll(/[^\0-\x7f]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** The package with native code, with the binaries that are installed here. */
function copyNative(out: string): void {
  const require = createRequire(join(ROOT, 'raw-socket/'))
  const main = dirname(require.resolve(NATIVE))
  // Without its sources in C++ and its documentation.
  const needed = (path: string) => statSync(path).isDirectory() || /\.(js|json)$|LICENSE/.test(path)
  const copy = join(out, 'node_modules', NATIVE)
  for (const name of ['package.json', 'LICENSE.txt', 'index.js', 'src']) {
    cpSync(join(main, name), join(copy, name), { recursive: true, filter: needed })
  }
  for (const name of readdirSync(copy, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js')) continue
    const path = join(copy, name)
    writeFileSync(path, withLazyBuiltins(readFileSync(path, 'utf8')))
  }
  const { optionalDependencies } = JSON.parse(readFileSync(join(main, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  for (const name of Object.keys(optionalDependencies)) {
    const from = join(ROOT, 'node_modules', name)
    if (existsSync(from)) cpSync(from, join(out, 'node_modules', name), { recursive: true })
  }
}

/** What the licences of bundled packages ask for. */
function writeLicences(out: string, modules: readonly string[]): void {
  const packages = new Set(modules.flatMap((id) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []))
  const texts = [...packages].sort().flatMap((directory) => {
    const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
    const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file))
    const heading = `${name} ${version}, ${license ?? 'see below'}`
    return [heading, ...files.map((file) => readFileSync(join(directory, file), 'utf8').trim())].join('\n\n')
  })
  writeFileSync(join(out, 'LICENCES.txt'), `${texts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`)
}

const out = resolve(process.argv[2] ?? join(ROOT, 'dist'))
rmSync(out, { recursive: true, force: true })
const modules = await bundle(out)
writeFileSync(join(out, 'package.json'), '{ "name": "fairlead", "type": "module" }\n')
copyNative(out)
writeLicences(out, modules)

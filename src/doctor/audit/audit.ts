/**
 * Loops that ask the database once an element, found in a store's source (the N+1 problem).
 *
 * A loop is `for`, `for … of`, `for … in`, or a callback of `map`, `forEach`, `flatMap`, `filter`, `reduce`, `some`,
 * `every` or `find`. A call in it is one that asks: of a service, a repository, `query`, `knex` or an entity manager; not
 * of what by its name is another server (a CMS, a search, a mailer), nor the run of a workflow, whose work may be one
 * order at a time. It counts only if what it is given depends on the element: a retry and a page after page do
 * not. What is done in batches is let be.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { createRequire } from "node:module"
import { join, relative, resolve } from "node:path"
import type * as TypeScript from "typescript"
import { DoctorError } from "../errors"

export interface Loop {
  /** Relative to the folder that was looked at. */
  file: string
  /** From 1 on, of the call. */
  line: number
  /** Of the loop. */
  loopLine: number
  loop: string
  /** As it is written, shortened. */
  call: string
  /** What asks once. */
  instead: string
}

/** Not asked by shoppers: run by hand, once, or by a test. */
const skipped =
  /(^|\/)(\.[^/]+|node_modules|dist|__tests__|__mocks__|integration-tests|scripts|migrations|migration-scripts)(\/|$)|^(src\/)?admin(\/|$)|\.(spec|test|d)\.[jt]sx?$/

/** @throws DoctorError DOCTOR_SOURCE_MISSING */
export function auditFolder(folder: string): Loop[] {
  const place = resolve(folder)
  if (!statSync(place, { throwIfNoEntry: false })?.isDirectory()) {
    throw new DoctorError(
      "DOCTOR_SOURCE_MISSING",
      `There is no folder ${folder}.`,
      "Name the folder of the store's source.",
    )
  }
  const compiler = compilerFor(place)
  return filesIn(place, place).flatMap((file) =>
    auditSource(compiler, readFileSync(file, "utf8"), relative(place, file)),
  )
}

/** The store's own compiler: Medusa builds with it. */
function compilerFor(place: string): typeof TypeScript {
  for (const from of [join(place, "package.json"), __filename]) {
    try {
      return createRequire(from)("typescript") as typeof TypeScript
    } catch {
      // The next may have one.
    }
  }
  throw new DoctorError(
    "DOCTOR_SOURCE_MISSING",
    "No TypeScript is installed there.",
    "npm install --save-dev typescript",
  )
}

function filesIn(folder: string, root: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = join(folder, entry.name)
    if (skipped.test(relative(root, place))) return []
    if (entry.isDirectory()) return filesIn(place, root)
    return entry.isFile() && /\.[cm]?[jt]s$/.test(entry.name) ? [place] : []
  })
}

const callbacks = new Set([
  "map",
  "forEach",
  "flatMap",
  "filter",
  "reduce",
  "some",
  "every",
  "find",
  "findIndex",
])
const batches = /chunk|batch|page|slice/i
const paging = /\b(skip|offset|cursor)\b/

export function auditSource(ts: typeof TypeScript, text: string, file: string): Loop[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const resolved = resolvedNames(ts, source)
  const found: Loop[] = []
  const lineOf = (node: TypeScript.Node) =>
    source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1

  const visit = (node: TypeScript.Node): void => {
    const loop = loopOf(ts, node)
    if (loop && !batches.test(loop.over)) look(loop)
    ts.forEachChild(node, visit)
  }
  const look = ({ node, body, names, kind }: LoopNode) => {
    const dependent = new Set(names)
    const inside = (inner: TypeScript.Node): void => {
      // What an inner loop asks is the inner loop's.
      if (inner !== body && loopOf(ts, inner)) return
      if (
        ts.isVariableDeclaration(inner) &&
        inner.initializer &&
        mentions(ts, inner.initializer, dependent)
      ) {
        for (const name of namesIn(ts, inner.name)) dependent.add(name)
      }
      if (ts.isCallExpression(inner) && isAwaited(ts, inner, body) && asks(ts, inner, resolved)) {
        const given = inner.arguments.filter((argument) => mentions(ts, argument, dependent))
        if (given.length > 0 && !paging.test(inner.arguments.map((one) => one.getText(source)).join())) {
          const call = inner.getText(source).replace(/\s+/g, " ")
          found.push({
            file,
            line: lineOf(inner),
            loopLine: lineOf(node),
            loop: kind,
            call: call.length > 100 ? `${call.slice(0, 100)}…` : call,
            instead: insteadOf(call),
          })
        }
      }
      ts.forEachChild(inner, inside)
    }
    inside(body)
  }
  visit(source)
  return found
}

interface LoopNode {
  node: TypeScript.Node
  body: TypeScript.Node
  /** What is another in each round. */
  names: string[]
  kind: string
  /** What is gone through, as it is written. */
  over: string
}

function loopOf(ts: typeof TypeScript, node: TypeScript.Node): LoopNode | undefined {
  if (ts.isForOfStatement(node) || ts.isForInStatement(node)) {
    const names = ts.isVariableDeclarationList(node.initializer)
      ? node.initializer.declarations.flatMap(({ name }) => namesIn(ts, name))
      : []
    const kind = ts.isForOfStatement(node) ? "for … of" : "for … in"
    return { node, body: node.statement, names, kind, over: `${node.expression.getText()} ${names.join()}` }
  }
  if (ts.isForStatement(node)) {
    const list = node.initializer
    const names =
      list && ts.isVariableDeclarationList(list)
        ? list.declarations.flatMap(({ name }) => namesIn(ts, name))
        : []
    return { node, body: node.statement, names, kind: "for", over: node.incrementor?.getText() ?? "" }
  }
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined
  const { expression, name } = node.expression
  const [callback] = node.arguments
  if (!callbacks.has(name.text) || !callback) return undefined
  if (!ts.isArrowFunction(callback) && !ts.isFunctionExpression(callback)) return undefined
  const names = callback.parameters.flatMap((parameter) => namesIn(ts, parameter.name))
  return {
    node,
    body: callback.body,
    names,
    kind: name.text,
    over: `${expression.getText()} ${names.join()}`,
  }
}

function namesIn(ts: typeof TypeScript, name: TypeScript.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? namesIn(ts, element.name) : []))
}

function mentions(ts: typeof TypeScript, node: TypeScript.Node, names: ReadonlySet<string>): boolean {
  if (ts.isIdentifier(node)) return names.has(node.text)
  // `x.item` and `{ item: 1 }` name a property, not the element.
  if (ts.isPropertyAccessExpression(node)) return mentions(ts, node.expression, names)
  if (ts.isPropertyAssignment(node)) return mentions(ts, node.initializer, names)
  return ts.forEachChild(node, (child) => mentions(ts, child, names) || undefined) === true
}

/** Awaited, or given back by the callback: its promise is somebody's to wait for. */
function isAwaited(ts: typeof TypeScript, call: TypeScript.CallExpression, body: TypeScript.Node): boolean {
  for (let node: TypeScript.Node = call; node.parent; node = node.parent) {
    if (ts.isAwaitExpression(node.parent) || ts.isReturnStatement(node.parent) || node === body) return true
    const { parent } = node
    const goesOn =
      ts.isPropertyAccessExpression(parent) ||
      ts.isParenthesizedExpression(parent) ||
      ts.isNonNullExpression(parent) ||
      ts.isAsExpression(parent) ||
      (ts.isCallExpression(parent) && parent.expression === node)
    if (!goesOn) return false
  }
  return false
}

const asker =
  /(service|module|repository|repo|remotequery|query|knex|entitymanager|manager|em|pgconnection)_?$/i
const asking =
  /^(list|listAndCount|retrieve|find|findOne|findAndCount|create|update|upsert|delete|softDelete|restore|graph|raw|execute|add|remove|calculate|reserve|confirm|get|fetch|insert|persistAndFlush|count|index)/
/** Services that ask somebody else, or nobody. */
const others =
  /logger|config|event_?bus|cach|notification|^file|locking|strapi|sanity|contentful|payload(?!ment)|algolia|meili|elastic|stripe|paypal|mail|resend|twilio|slack|webhook|client|^api|shopify/i

/** Whether the call goes to the database, by what it is called on. */
function asks(
  ts: typeof TypeScript,
  call: TypeScript.CallExpression,
  resolved: ReadonlySet<string>,
): boolean {
  const { expression } = call
  if (ts.isIdentifier(expression)) return /^(remoteQuery|knex)$/.test(expression.text)
  if (!ts.isPropertyAccessExpression(expression)) return false
  const method = expression.name.text
  const name = lastName(ts, expression.expression)
  if (name === undefined || others.test(name)) return false
  return asking.test(method) && (asker.test(name) || resolved.has(name))
}

function lastName(ts: typeof TypeScript, node: TypeScript.Expression): string | undefined {
  if (ts.isIdentifier(node)) return node.text
  if (ts.isPropertyAccessExpression(node)) return node.name.text
  if (ts.isNonNullExpression(node) || ts.isParenthesizedExpression(node) || ts.isAsExpression(node)) {
    return lastName(ts, node.expression)
  }
  return undefined
}

/** Names of what came out of the container, but for what is no module. */
function resolvedNames(ts: typeof TypeScript, source: TypeScript.SourceFile): Set<string> {
  const names = new Set<string>()
  const visit = (node: TypeScript.Node): void => {
    if (ts.isVariableDeclaration(node) && node.initializer && ts.isIdentifier(node.name)) {
      const text = node.initializer.getText(source)
      const isOther = /resolve[^(]*\([^)]*(logger|config|event|cach|notification|locking|file)/i.test(text)
      if (/\.resolve(<[^(]*>)?\(/.test(text) && !isOther) names.add(node.name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return names
}

function insteadOf(call: string): string {
  const method = /\.(\w+)\($/.exec(call.slice(0, call.indexOf("(") + 1))?.[1] ?? ""
  if (method === "graph")
    return "Ask once before the loop: filters: { id: ids }, and the relations among fields."
  if (/^retrieve/.test(method)) {
    const list = method.replace(/^retrieve/, "list")
    const many = /[A-Z]/.test(list) ? `${list.replace(/y$/, "ie")}s` : list
    return `Ask once before the loop: ${many}({ id: ids }), or query.graph with filters: { id: ids }.`
  }
  if (/^(list|find|count|get|fetch)/.test(method))
    return "Ask once before the loop, with all ids in the filter."
  return "Write all of them at once: Medusa's services take lists."
}

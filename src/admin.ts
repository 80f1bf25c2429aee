#!/usr/bin/env node
import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Command, CommanderError, Option } from 'commander'
import { ROLES } from './chat/rights.js'
import { EngineUnavailable, Unsuitable } from './engines/engine.js'
import { ForeignStore } from './engines/lmdb-file.js'
import { Refused, reachOperator, type Operator } from './operator.js'
import { InvalidConfig, readConfig } from './plugins/config.js'

/** The command line of whoever runs this place: tokens, invitations, people's data. It speaks the server's own API, as the operator. */

/** Characters of an export's end by which is seen whether it is all. */
const END = 100
const UNREADABLE = 'the server could not read these rooms, since another program has put something in their place, as its log says; mend that, and run this again'

async function drain (body: Readable): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

async function main (): Promise<void> {
  if (statSync('.env', { throwIfNoEntry: false })?.isFile() === true) process.loadEnvFile('.env')
  const program = new Command('hubbub')
    .description('The command line of whoever runs this Hubbub, on the machine that it runs on; it need not be running.')
    .option('--json', 'answer as JSON, for programs')
    .exitOverride()
    .showHelpAfterError()

  /** Runs with a way to the store, whose settings are the server's own variables. */
  const withApi = async (run: (api: Operator) => Promise<void>): Promise<void> => {
    const api = await reachOperator(readConfig(process.env))
    try {
      await run(api)
    } finally {
      await api.close()
    }
  }
  const json = async (api: Operator, method: string, path: string, body?: unknown): Promise<any> => {
    const answer = await api.ask(method, path, body)
    const text = await drain(answer.body)
    const value = text === '' ? undefined : JSON.parse(text)
    if (answer.status >= 400) throw new Refused(value?.message ?? `the server answered ${answer.status}`)
    return value
  }
  const say = (value: unknown, words: string): void => {
    process.stdout.write(`${program.opts()['json'] === true ? JSON.stringify(value ?? {}) : words}\n`)
  }
  const rooms = (value: string, before: string[] = []): string[] => [...before, ...value.split(',').map((room) => room.trim())]
  const rightsOf = (granted: Record<string, string[]>): string => Object.entries(granted).map(([right, list]) => `${right} ${list.join(', ')}`).join('; ')

  const token = program.command('token').description('API tokens of programs')
  token.command('create <name>').description('makes a token, and shows it this once')
    .option('--read <rooms>', 'rooms that it reads, such as lobby,team-*', rooms)
    .option('--write <rooms>', 'rooms that it posts to', rooms)
    .option('--moderate <rooms>', 'rooms that it moderates', rooms)
    .option('--for <time>', 'how long it is good, such as 30d; until it is revoked where not given')
    .action((name: string, { read, write, moderate, for: duration }) => withApi(async (api) => {
      const made = await json(api, 'POST', '/tokens', { name, rooms: { read, write, moderate }, for: duration })
      say(made, `${made.token}\n\n${made.name} (${made.id}): ${rightsOf(made.rooms)}${made.until === undefined ? '' : `, until ${made.until}`}. It is not shown again.`)
    }))
  token.command('list').description('lists the tokens, without what is secret').action(() => withApi(async (api) => {
    const { tokens } = await json(api, 'GET', '/tokens')
    say(tokens, tokens.length === 0 ? 'There are no API tokens.' : tokens.map((one: any) => `${one.id}  ${one.name}: ${rightsOf(one.rooms)}${one.until === undefined ? '' : `, until ${one.until}`} (by ${one.by.name}, ${one.at})`).join('\n'))
  }))
  token.command('revoke <id>').description('takes a token back: its streams end').action((id: string) => withApi(async (api) => {
    await json(api, 'DELETE', `/tokens/${encodeURIComponent(id)}`)
    say({ id }, `The token ${id} is good no more.`)
  }))

  const linkOf = ({ base }: Operator, path: string): string => new URL(path, base).href
  const invite = program.command('invite').description('invitations of people')
  invite.command('create <room>').description('makes a link that invites to a room, or to several such as team-*')
    .addOption(new Option('--role <role>', 'what the invited are').choices(Object.keys(ROLES)).default('writer'))
    .option('--for <time>', 'how long it is good', '7d')
    .option('--uses <number>', 'how many can use it; everybody who has it, where not given', Number)
    .action((room: string, { role, for: duration, uses }) => withApi(async (api) => {
      const made = await json(api, 'POST', '/invites', { room, role, for: duration, uses })
      const link = linkOf(api, made.path)
      say({ ...made, link }, `${link}\n\nGood until ${made.until}${uses === undefined ? '' : `, for ${uses}`} (${made.id}).`)
    }))
  invite.command('list').description('lists the invitations that are still good').action(() => withApi(async (api) => {
    const { invites } = await json(api, 'GET', '/invites')
    say(invites, invites.length === 0 ? 'There are no invitations.' : invites.map((one: any) => `${one.id}  ${one.role} of ${one.room}, until ${one.until} (by ${one.by.name})`).join('\n'))
  }))
  invite.command('revoke <id>').description('takes an invitation back')
    .option('--members', 'also from whoever came by it')
    .action((id: string, { members }) => withApi(async (api) => {
      await json(api, 'DELETE', `/invites/${encodeURIComponent(id)}${members === true ? '?members=1' : ''}`)
      say({ id }, `The invitation ${id} is good no more${members === true ? ', nor is what it gave' : ''}.`)
    }))

  program.command('admin').description('who moderates this place').command('link').description('makes a link for one person, who then moderates every room')
    .option('--for <time>', 'how long it is good', '24h')
    .action(({ for: duration }) => withApi(async (api) => {
      const made = await json(api, 'POST', '/invites', { room: '*', role: 'moderator', for: duration, uses: 1 })
      const link = linkOf(api, made.path)
      say({ ...made, link }, `${link}\n\nWho opens it first, until ${made.until}, moderates every room. Open it yourself, or give it to nobody but whom you mean.`)
    }))

  program.command('revoke').description('takes signed tokens back, and ends their streams')
    .option('--user <id>', 'all of a user\'s that are signed by now')
    .option('--jti <jti>', 'one of an application\'s')
    .action(({ user, jti }) => withApi(async (api) => {
      if ((user === undefined) === (jti === undefined)) throw new CommanderError(2, 'hubbub.usage', 'name either --user or --jti')
      await json(api, 'POST', '/revocations', user === undefined ? { jti } : { user })
      say({}, user === undefined ? `The token ${jti} is good no more.` : `What was signed for ${user} by now is good no more.`)
    }))

  program.command('log').description('shows what moderators have done, the newest last')
    .option('--limit <number>', 'entries at most', '50')
    .action(({ limit }) => withApi(async (api) => {
      const { actions } = await json(api, 'GET', `/moderation/log?limit=${encodeURIComponent(limit)}`)
      say(actions, actions.length === 0 ? 'Nothing has been done yet.' : actions.map((one: any) => `${one.id}  ${one.at}  ${one.by?.name ?? one.user?.name}: ${one.type} ${JSON.stringify(one.data ?? {})}`).join('\n'))
    }))

  const user = program.command('user').description('what is kept of a person')
  user.command('export <id>').description('writes all that is kept of a user, one JSON document a line').action((id: string) => withApi(async (api) => {
    const { status, body } = await api.ask('GET', `/users/${encodeURIComponent(id)}/data`)
    if (status >= 400) throw new Refused(JSON.parse(await drain(body)).message)
    let end = ''
    const watch = async function * (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
      for await (const chunk of chunks) {
        end = (end + chunk.toString('latin1')).slice(-END)
        yield chunk
      }
    }
    await pipeline(body, watch, process.stdout, { end: false }).catch((error: Error) => {
      throw new Refused(`it ended in the middle (${error.message}): what was written is not all; ask again`)
    })
    const [, complete] = /\{"record":"end","complete":(true|false)\}\n$/.exec(end) ?? []
    if (complete === undefined) throw new Refused('it ended in the middle: what was written is not all; ask again')
    if (complete === 'false') throw new Refused(`it is not all: ${UNREADABLE}`)
  }))
  user.command('erase <id>').description('removes all that a user has said, and what else is kept, for good').action((id: string) => withApi(async (api) => {
    const erased = await json(api, 'DELETE', `/users/${encodeURIComponent(id)}/data`)
    say(erased, `Of ${id}, ${erased.events} events in ${erased.rooms} rooms are erased, with the name, the addresses and the rights that were kept.\n${erased.kept}`)
    if (erased.unreadable.length > 0) throw new Refused(`${erased.unreadable.join(', ')}: ${UNREADABLE}`)
  }))

  await program.parseAsync()
}

main().then(() => process.exit(0), (error: unknown) => {
  if (error instanceof CommanderError) {
    // Commander has said what it is about.
    if (error.code === 'hubbub.usage') process.stderr.write(`error: ${error.message}\n`)
    process.exit(error.exitCode === 0 ? 0 : 2)
  }
  const { message, stack, syscall } = error as NodeJS.ErrnoException
  const expected = [InvalidConfig, Unsuitable, ForeignStore, Refused, EngineUnavailable].some((Kind) => error instanceof Kind)
  const words = expected ? message : syscall !== undefined ? `it could not be done (${message})` : stack ?? message
  process.stderr.write(`${words}\n`)
  process.exit(1)
})

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { accentStyle } from '../accent.js'
import { DEFAULT_ROOM, ROOM_PATTERN } from '../chat/event.js'
import { digestOf, isKept } from '../etag.js'
import { DEFAULT_LANGUAGE, firstWords, readLanguages, type Words } from '../languages.js'
import { fill, jsonInMarkup } from '../template.js'
import { varyBy } from '../vary.js'
import { STATIC } from './files.js'

const PAGES = join(STATIC, 'pages')
/** Private: the page comes with its guest's cookie, which must not be given to another. */
const CACHE_CONTROL = 'private, no-cache'

const ROOM = new RegExp(ROOM_PATTERN)
/** Stands for the room until somebody asks: no text has it, since no variable of the environment can. */
const ROOM_MARK = '\0'

/** A page in a language: all of it, but for the room between its parts. */
interface Page { parts: string[], etag: string }

export interface Pages {
  /**
   * Answers with a page of `static/pages/`, in the language that the browser would rather have, or that `?lang=` names.
   * @param name of the file, without `.html`
   */
  send (name: string, request: FastifyRequest, reply: FastifyReply): FastifyReply
}

declare module 'fastify' {
  interface FastifyInstance {
    pages: Pages
  }
}

/** The pages, put together from their templates once in each language. */
export default fp(async (fastify) => {
  const { SITE_NAME: name, WELCOME: welcome, RULES_URL: rules, PRIVACY_URL: privacy } = fastify.config
  const style = accentStyle(fastify.config)
  const accent = style === undefined ? '' : `<style>${style}</style>`
  const languages = readLanguages(join(STATIC, 'languages'))
  const tags = [...languages.keys()]
  // What two of the pages have in common.
  const conversation = readFileSync(join(PAGES, 'parts', 'conversation.html'), 'utf8').trimEnd()
  const pages = new Map(readdirSync(PAGES).filter((file) => file.endsWith('.html')).map((file) => {
    const template = readFileSync(join(PAGES, file), 'utf8').replace('{{{conversation}}}', () => conversation)
    return [file.replace(/\.html$/, ''), new Map([...languages].map(([tag, words]) => [tag, render(`static/pages/${file} in ${tag}`, template, tag, words)]))]
  }))

  function render (what: string, template: string, tag: string, words: Words): Page {
    const site = { name, welcome, rules, privacy, language: tag, words: firstWords(words) }
    const own: Words = { lang: tag, dir: words['direction']!, 'site.name': name, room: ROOM_MARK }
    try {
      const text = (key: string): unknown => {
        const said = own[key] ?? words[key]
        return typeof said === 'string' ? said.replaceAll('{site}', () => name) : said
      }
      const html = fill(template, text, { site: jsonInMarkup(site), accent })
      return { parts: html.split(ROOM_MARK), etag: digestOf(html) }
    } catch (error) {
      throw new Error(`${what}: ${(error as Error).message}`)
    }
  }

  function languageOf (request: FastifyRequest): string {
    const asked = firstOf(request, 'lang')
    if (asked !== undefined && languages.has(asked)) return asked
    const preferred = request.languages(tags)
    return typeof preferred === 'string' ? preferred : DEFAULT_LANGUAGE
  }

  fastify.decorate('pages', {
    send: (name, request, reply) => {
      const language = languageOf(request)
      const { parts, etag: common } = pages.get(name)!.get(language)!
      const asked = firstOf(request, 'room')
      const room = asked !== undefined && ROOM.test(asked) ? asked : DEFAULT_ROOM
      const etag = `W/"${common}-${room}"`
      reply.headers({ 'cache-control': CACHE_CONTROL, 'content-language': language, etag })
      varyBy(reply, 'Accept-Language')
      if (isKept(request, etag)) return reply.code(304).send()
      return reply.type('text/html; charset=utf-8').send(parts.join(room))
    }
  })

  const options = { schema: { hide: true }, config: { kind: 'page' } } as const
  fastify.get('/', options, async (request, reply) => {
    // The page arrives with its guest's cookie, so that all the requests it then makes at once are one guest's.
    // Where nobody becomes a guest, now or at all, it is the page that says so.
    await fastify.sessions.findOrMake(request, reply).catch((error: { statusCode?: number }) => {
      if (![401, 403, 429].includes(error.statusCode ?? 0)) throw error
    })
    return fastify.pages.send('index', request, reply)
  })
  // In a frame of another site a browser keeps no cookie of ours: what is shown there brings a token, and no guest is made before it asks.
  fastify.get('/embed', options, async (request, reply) => fastify.pages.send('embed', request, reply))
}, { name: 'pages', dependencies: ['config', 'edge', 'files', 'negotiation', 'sessions'] })

/** A parameter of the query, as a page's script reads it: the first of its name. */
function firstOf ({ query }: FastifyRequest, name: string): string | undefined {
  const [first] = [(query as Record<string, string | string[] | undefined>)[name]].flat()
  return first
}

import fp from 'fastify-plugin'
import { BlockedWords } from '../chat/blocked-words.js'

declare module 'fastify' {
  interface FastifyInstance {
    blockedWords: BlockedWords
  }
}

/** The words that the host does not want in messages, names and rooms. */
export default fp(async (fastify) => {
  fastify.decorate('blockedWords', new BlockedWords(fastify.config.BLOCKED_WORDS))
}, { name: 'blocked-words', dependencies: ['config'] })

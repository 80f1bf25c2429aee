import fp from 'fastify-plugin'
import { Activity } from '../chat/activity.js'

declare module 'fastify' {
  interface FastifyInstance {
    activity: Activity
  }
}

export default fp(async (fastify) => {
  fastify.decorate('activity', new Activity())
}, { name: 'activity' })

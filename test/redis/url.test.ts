import t from 'tap'
import { nameOf, parseStoreUrl } from '../../src/engines/redis/url.js'

t.test('where the store is, in each form', async (t) => {
  const local = { kind: 'server', hosts: [{ host: 'localhost', port: 6379 }], tls: false, db: 0 }
  t.strictSame(parseStoreUrl('redis://localhost'), local)
  t.strictSame(parseStoreUrl('redis://localhost:6379/'), local)
  t.strictSame(parseStoreUrl('rediss://[::1]:7000/3'), { kind: 'server', hosts: [{ host: '::1', port: 7000 }], tls: true, db: 3 })
  t.match(parseStoreUrl('redis://:p%40ss:w@h'), { password: 'p@ss:w', username: undefined }, 'a password alone')
  t.match(parseStoreUrl('redis://u:p@h'), { username: 'u', password: 'p' })
  t.match(parseStoreUrl('redis://p@h'), { password: 'p', username: undefined })
  t.strictSame(parseStoreUrl('redis+sentinel://a,b:1/main/2'), {
    kind: 'sentinel', hosts: [{ host: 'a', port: 26379 }, { host: 'b', port: 1 }], tls: false, db: 2, primary: 'main'
  })
  t.strictSame(parseStoreUrl('rediss+cluster://a:1,b:2'), { kind: 'cluster', hosts: [{ host: 'a', port: 1 }, { host: 'b', port: 2 }], tls: true, db: 0 })
})

t.test('it is named without its password', async (t) => {
  for (const url of ['redis://:hunter2@h/1', 'rediss://u:hunter2@h', 'redis+sentinel://u:hunter2@a,b/main', 'redis+cluster://:hunter2@a,b']) {
    t.notMatch(nameOf(parseStoreUrl(url)!), 'hunter2', url)
  }
  t.equal(nameOf(parseStoreUrl('rediss+sentinel://a,b/main/2')!), 'Redis by Sentinel at a:26379,b:26379, primary main, database 2, TLS')
})

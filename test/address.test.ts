import t from 'tap'
import { addressKey, isNetwork } from '../src/address.js'

t.test('an IPv4 address stands for itself, in whatever form it comes, and an IPv6 address for its /64', async (t) => {
  for (const [address, key] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['[2001:db8:1:2::9]:4711', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::9]', '2001:db8:1:2::/64'],
    ['unknown', 'unknown'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['::1', '::/64'],
    ['', '']
  ] as const) t.equal(addressKey(address), key, address)
})

t.test('networks are addresses, CIDRs and the sets that have names', async (t) => {
  for (const text of ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8', 'loopback', 'uniquelocal', 'linklocal']) t.ok(isNetwork(text), text)
  for (const text of ['', 'proxy', '10.0.0.0/33', '0.0.0.0/0', '::/0', '*', 'true']) t.notOk(isNetwork(text), text)
})

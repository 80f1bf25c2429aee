import proxyAddr from '@fastify/proxy-addr'
import ipaddr from 'ipaddr.js'

/** Bits of an IPv6 address that tell one network from another: a household, or a phone, has all of the rest. */
const IPV6_PREFIX = 64
const WITH_PORT = /^(?:([\d.]+):\d+|\[([^\]]+)\](?::\d+)?)$/

/**
 * Whom an address stands for, as limits and bans count: an IPv4 address (also where it comes as `::ffff:192.0.2.1`), or the /64
 * that an IPv6 address is in, since whoever has one has them all.
 * @param address as Node gives it, or a proxy, which may add a port; what is none, is itself
 */
export function addressKey (address: string): string {
  const bare = WITH_PORT.exec(address)?.slice(1).find((part) => part !== undefined) ?? address
  if (!ipaddr.isValid(bare)) return address
  const parsed = ipaddr.process(bare)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed.toNormalizedString().replace(/%.*$/, '')}/${IPV6_PREFIX}`).toString()}/${IPV6_PREFIX}`
}

/** Whether a text names an address, a network (CIDR), or one of proxy-addr's sets of networks: `loopback`, `linklocal`, `uniquelocal`. */
export function isNetwork (text: string): boolean {
  try {
    proxyAddr.compile(text)
    return true
  } catch {
    return false
  }
}

// For Node, in which client.js imports this file. The server sends the package's own file from this address, since a browser
// would not know where a bare name leads.
export * from 'eventsource-parser'

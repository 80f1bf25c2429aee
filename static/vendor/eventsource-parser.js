// In Node, where client.js is imported from the package. A browser gets the parser's own file at this address, from the server.
export * from 'eventsource-parser'

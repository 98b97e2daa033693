// A stock Socket.IO server without an adapter: a polling session lives in one process, and any other answers its requests with
// 400 "Session ID unknown". Serves a page that connects with the transports named in its query. Prints {"port":N} once it listens.
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const page = `<!doctype html><title>Socket.IO</title><script src="/socket.io/socket.io.js"></script><script>
const transports = new URLSearchParams(location.search).get('transports').split(',')
const socket = io({ transports })
const upgraded = new Promise((resolve) => socket.on('connect', () => {
  if (transports.length === 1) resolve()
  else if (socket.io.engine.transport.name === 'websocket') resolve()
  else socket.io.engine.once('upgrade', resolve)
}))
window.result = (async () => {
  const pids = []
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject))
  for (let i = 0; i < 5; i++) pids.push(await socket.timeout(10000).emitWithAck('who'))
  await Promise.race([upgraded, new Promise((_, reject) => setTimeout(reject, 20000, new Error('no upgrade')))])
  for (let i = 0; i < 5; i++) pids.push(await socket.timeout(10000).emitWithAck('who'))
  return { pids, transport: socket.io.engine.transport.name }
})()
</script>`

const server = createServer((req, res) => {
  res.setHeader('content-type', 'text/html')
  res.end(page)
})
const io = new Server(server)
io.on('connection', (socket) => {
  socket.on('who', (ack) => ack(process.pid))
  socket.on('join', (room, ack) => { socket.join(room); ack(io.sockets.adapter.rooms.get(room).size) })
  socket.on('say', (room, words) => io.to(room).emit('said', words))
})
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
process.on('SIGTERM', () => io.close())

// Socket.IO clients of Node, which keep cookies when withCredentials is set, as sticky sessions ask of them.
//
//   node socketio-client.js URL TRANSPORTS COUNT
//
// Opens COUNT clients at once, with the TRANSPORTS (polling, websocket, or polling,websocket for an upgrade). Each asks ten times which
// process answers, joins a room of its own and hears itself there. Prints {"clients":[{"pids":[...],"transport":"...","error":"..."}]}.
import { io } from 'socket.io-client'

const [url, list, count] = process.argv.slice(2)
const transports = list.split(',')
const limit = 20000

const once = (emitter, event) => new Promise((resolve, reject) => {
  const timer = setTimeout(() => reject(new Error(`no ${event} within ${limit} ms`)), limit)
  emitter.once(event, (value) => { clearTimeout(timer); resolve(value) })
})

async function converse (socket, room) {
  const errors = []
  socket.on('connect_error', (err) => errors.push(`connect: ${err.message}`))
  socket.on('disconnect', (reason) => errors.push(`disconnect: ${reason}`))
  const pids = []
  const ask = async () => { pids.push(await socket.timeout(limit).emitWithAck('who')) }
  try {
    await once(socket, 'connect')
    const engine = socket.io.engine
    const upgrade = transports.length > 1 && engine.transport.name === 'polling' ? once(engine, 'upgrade') : null
    upgrade?.catch(() => {}) // heard below, if the questions do not fail first
    for (let i = 0; i < 5; i++) await ask()
    await upgrade
    for (let i = 0; i < 5; i++) await ask()
    await socket.timeout(limit).emitWithAck('join', room)
    const said = once(socket, 'said')
    socket.emit('say', room, room)
    if (await said !== room) errors.push('heard another room')
  } catch (err) {
    errors.push(err.message)
  }
  const transport = socket.io.engine?.transport.name ?? ''
  socket.off('disconnect').disconnect()
  return { pids, transport, error: errors.join('; ') }
}

const clients = await Promise.all(Array.from({ length: Number(count) }, (_, i) => converse(
  io(url, { transports, withCredentials: true, forceNew: true, reconnection: false }), `room-${i}`)))
console.log(JSON.stringify({ clients }))

// An application that keeps its sessions in its own memory, as express-session does when nothing else is configured: a request that
// reaches another process than the one before has lost its session, and visits begins at 1 again.
//
// NAME is answered as backend, COOKIE is the name of the session cookie. Prints {"port":N} once it listens.
import { createHash } from 'node:crypto'
import express from 'express'
import session from 'express-session'

const app = express()
app.disable('x-powered-by')

app.get('/echo', (req, res) => { res.json({ method: req.method, url: req.originalUrl, headers: req.headers, raw: req.rawHeaders }) })

app.use(session({
  name: process.env.COOKIE || 'connect.sid',
  secret: 'the same in every process, as behind any balancer',
  resave: false,
  saveUninitialized: true
}))

app.use((req, res) => {
  req.session.visits = (req.session.visits ?? 0) + 1
  const sid = createHash('sha256').update(req.sessionID).digest('hex').slice(0, 16)
  res.json({ pid: process.pid, backend: process.env.NAME ?? '', visits: req.session.visits, sid })
})

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', (err) => {
  if (err) throw err
  console.log(JSON.stringify({ port: server.address().port }))
})
process.on('SIGTERM', () => {
  server.close()
  server.closeIdleConnections()
})

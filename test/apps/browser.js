// A real browser on the page of socketio.js.
//
//   CHROMIUM=/usr/bin/chromium node browser.js URL
//
// Opens URL three times, in a fresh profile each, with polling alone, with WebSocket alone and with an upgrade from the one to the other.
// Prints {"runs":[{"transports":"...","pids":[...],"transport":"...","cookies":[...],"error":"..."}]}.
import { chromium } from 'playwright-core'

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })

async function visit (transports) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = []
  page.on('pageerror', (err) => errors.push(err.message))
  page.on('response', (res) => { if (res.status() >= 400 && !res.url().endsWith('/favicon.ico')) errors.push(`${res.status()} ${res.url()}`) })
  try {
    await page.goto(`${process.argv[2]}/?transports=${transports}`)
    const result = await page.evaluate(() => window.result)
    const cookies = (await context.cookies()).map((c) => c.name)
    return { transports, ...result, cookies, error: errors.join('; ') }
  } catch (err) {
    return { transports, pids: [], transport: '', cookies: [], error: [err.message, ...errors].join('; ') }
  } finally {
    await context.close()
  }
}

const runs = []
for (const transports of ['polling', 'websocket', 'polling,websocket']) runs.push(await visit(transports))
await browser.close()
console.log(JSON.stringify({ runs }))

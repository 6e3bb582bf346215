// One HTTP request, through the proxy that an isolated function has, if it has
// one. Node's own fetch does not look at HTTP_PROXY by itself.

import http from 'node:http'
import https from 'node:https'
import tls from 'node:tls'

const TIMEOUT = 20_000 // milliseconds

/** Answers { status, body }; rejects when there is no answer. */
export async function request(method, to, body, headers = {}) {
  const url = new URL(to)
  const secure = url.protocol === 'https:'
  const proxy = secure ? process.env.HTTPS_PROXY : process.env.HTTP_PROXY
  const options = { method, headers: { ...headers }, timeout: TIMEOUT, agent: false }
  if (body !== undefined) options.headers['Content-Length'] = Buffer.byteLength(body)
  if (!proxy) return send(secure ? https.request(url, options) : http.request(url, options), body)
  if (!secure) {
    const via = new URL(proxy)
    options.headers.Host = url.host
    return send(http.request({ ...options, host: via.hostname, port: via.port, path: url.href }), body)
  }
  const socket = await tunnel(proxy, url.hostname, url.port || 443)
  const createConnection = () => tls.connect({ socket, servername: url.hostname })
  return send(https.request(url, { ...options, agent: undefined, createConnection }), body)
}

function send(req, body) {
  return new Promise((resolve, reject) => {
    req.on('error', reject)
    req.on('timeout', () => req.destroy(new Error(`no answer within ${TIMEOUT / 1000} s`)))
    req.on('response', async (res) => {
      try {
        const parts = []
        for await (const part of res) parts.push(part)
        resolve({ status: res.statusCode, body: Buffer.concat(parts).toString() })
      } catch (e) {
        reject(e)
      }
    })
    req.end(body)
  })
}

/** A connection to a host and port through the proxy. */
function tunnel(proxy, host, port) {
  const via = new URL(proxy)
  return new Promise((resolve, reject) => {
    const req = http.request({ method: 'CONNECT', host: via.hostname, port: via.port, path: `${host}:${port}`, timeout: TIMEOUT, agent: false })
    req.on('error', reject)
    req.on('timeout', () => req.destroy(new Error('the proxy does not answer')))
    req.on('connect', (res, socket) => {
      if (res.statusCode === 200) return resolve(socket)
      socket.destroy()
      reject(new Error(`the proxy does not connect to ${host}:${port}: ${res.statusCode}`))
    })
    req.end()
  })
}

// Copies a supplier's catalogue, page by page, from its HTTP API into a store.
//
// The API answers GET SOURCE_URL?page=N with {"items": [...], "next": N+1 or null};
// the store is whatever takes PUT. All pages are read before the catalogue is
// written, in one request, so that nobody sees half of one, and a run that comes
// twice writes the same again. Needs nothing but Node.

import { request } from './request.mjs'

const MAX_PAGES = 1000

/** Asks again for what may work a moment later; what the source refuses is an error at once. */
async function page(url) {
  for (let attempt = 1; ; attempt++) {
    const answer = await request('GET', url)
    if (answer.status === 200) return JSON.parse(answer.body)
    const passing = answer.status === 429 || answer.status >= 500
    if (!passing || attempt === 3) throw new Error(`GET ${url}: ${answer.status}`)
    console.warn(`GET ${url}: ${answer.status}, attempt ${attempt}`)
    await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** attempt))
  }
}

/** Reads all pages; items that two pages have, because the catalogue moved meanwhile, count once. */
async function catalogue(source) {
  const items = new Map()
  let pages = 0
  for (let next = 1; next !== null; pages++) {
    if (pages === MAX_PAGES) throw new Error(`the source has more than ${MAX_PAGES} pages`)
    const url = new URL(source)
    url.searchParams.set('page', next)
    const got = await page(url)
    for (const item of got.items) items.set(item.id, item)
    next = got.next ?? null
  }
  return { items: [...items.values()], pages }
}

export async function handler(event) {
  const { items, pages } = await catalogue(process.env.SOURCE_URL)
  const target = `${process.env.STORE_URL.replace(/\/$/, '')}/${event.file ?? 'catalogue.json'}`
  const answer = await request('PUT', target, JSON.stringify(items), { 'Content-Type': 'application/json' })
  if (answer.status < 200 || answer.status > 299) throw new Error(`PUT ${target}: ${answer.status}`)
  console.log(`${items.length} items of ${pages} pages are in ${target}`)
  return { items: items.length, pages, target }
}

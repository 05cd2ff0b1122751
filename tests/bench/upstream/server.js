// A fake upstream: the part of Prefect's REST API that the benchmark reads, so fast that it is never the bottleneck.
//   node server.js world.json [port]
// POST /api/{collection}/filter takes limit (at most 200), offset, and any_ of the rows' own ids or of their parents'.
// GET /api/{collection} takes limit, offset, id and parents' keys; Prefect has no such routes, but some peers can batch
// only by them. Work queues are forbidden. GET /stats tells how many calls there were.
const http = require('http');
const fs = require('fs');

const PARENTS = {
  flow_runs: { flows: 'flow_id', deployments: 'deployment_id' },
  task_runs: { flow_runs: 'flow_run_id' },
  deployments: { flows: 'flow_id' },
};
const FORBIDDEN = 'work_queues';
const KEPT = 8192;

const collections = {};
for (const [name, rows] of Object.entries(JSON.parse(fs.readFileSync(process.argv[2])))) {
  const texts = rows.map(row => JSON.stringify(row));
  const by = {};
  for (const key of ['id', ...Object.values(PARENTS[name] ?? {})]) {
    by[key] = new Map();
    rows.forEach((row, index) => by[key].set(row[key], [...(by[key].get(row[key]) ?? []), index]));
  }
  collections[name] = { texts, by };
}

class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

// Write the rows that have one of the keys' values, for each key that is given.
function list({ texts, by }, wanted, limit, offset) {
  const sets = Object.entries(wanted).map(([key, values]) => new Set([...new Set(values)].flatMap(value => by[key].get(value) ?? [])));
  if (!sets.length) return `[${texts.slice(offset, offset + limit).join(',')}]`;
  const [first, ...others] = sets;
  const chosen = [...first].filter(index => others.every(set => set.has(index))).sort((one, other) => one - other);
  return `[${chosen.slice(offset, offset + limit).map(index => texts[index]).join(',')}]`;
}

function filtered(name, body) {
  const { limit = 200, offset = 0, sort, ...groups } = body;
  if (limit > 200) throw new Refusal(422, 'Invalid limit: must be less than or equal to 200.');
  const wanted = {};
  for (const [group, filter] of Object.entries(groups)) {
    const key = group === name ? 'id' : PARENTS[name]?.[group];
    const leaves = Object.keys(filter ?? {});
    if (!leaves.length) continue;
    if (!key || leaves.some(leaf => leaf !== 'id') || !filter.id.any_) throw new Refusal(422, `Unknown filter: ${JSON.stringify({ [group]: filter })}`);
    wanted[key] = filter.id.any_;
  }
  return list(collections[name], wanted, limit, offset);
}

function listed(name, query) {
  const args = new URLSearchParams(query);
  const wanted = {};
  for (const key of Object.keys(collections[name].by)) if (args.has(key)) wanted[key] = args.getAll(key);
  return list(collections[name], wanted, +(args.get('limit') || Infinity), +(args.get('offset') || 0));
}

function setState(id, { state }) {
  const name = state.name ?? state.type[0] + state.type.slice(1).toLowerCase();
  const timestamp = '2026-06-01T00:00:00.000000Z';
  const details = { flow_run_id: id, task_run_id: null };
  return JSON.stringify({ state: { id, type: state.type, name, timestamp, message: null, data: null, state_details: details }, status: 'ACCEPT', details: { type: 'accept_details' } });
}

function answer(method, url, text) {
  const [path, query] = url.replace(/^\/api\//, '').split('?');
  const [name, action, verb] = path.split('/');
  if (path === 'health') return 'true';
  if (name === FORBIDDEN) throw new Refusal(403, 'You may not read work queues.');
  if (!(name in collections)) throw new Refusal(404, 'Not Found');
  if (method === 'GET' && action === undefined) return listed(name, query);
  if (method === 'GET') {
    // Tailcall cannot leave a call out where the key is null.
    if (!action) return 'null';
    const row = list(collections[name], { id: [action] }, 1, 0);
    if (row === '[]') throw new Refusal(404, 'Not Found');
    return row.slice(1, -1);
  }
  const body = text ? JSON.parse(text) : {};
  if (action === 'filter') return filtered(name, body);
  if (verb === 'set_state') return setState(action, body);
  throw new Refusal(404, 'Not Found');
}

// What was answered once is answered again from memory.
const known = new Map();
function respond(method, url, text) {
  const key = `${method} ${url} ${text}`;
  let response = known.get(key);
  if (!response) {
    let status = 200;
    let body;
    try {
      body = answer(method, url, text);
    } catch (error) {
      status = error.status ?? 500;
      body = JSON.stringify({ detail: error.message });
    }
    body = Buffer.from(body);
    response = { status, body, headers: { 'content-type': 'application/json', 'content-length': body.length } };
    if (known.size >= KEPT) known.clear();
    known.set(key, response);
  }
  return response;
}

let calls = 0;
const server = http.createServer((request, response) => {
  const send = ({ status, body, headers }) => response.writeHead(status, headers).end(body);
  if (request.url === '/stats') return send({ status: 200, body: JSON.stringify({ calls }) });
  calls++;
  if (request.method === 'GET') return send(respond('GET', request.url, ''));
  let text = '';
  request.setEncoding('utf8');
  request.on('data', chunk => { text += chunk; });
  request.on('end', () => send(respond(request.method, request.url, text)));
});
server.keepAliveTimeout = 0;
server.listen(+(process.argv[3] || 0), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));

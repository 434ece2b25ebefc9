// Who may import whom: the table of house.md section 4, one rule per sentence. Type-only imports count as imports except
// where the table speaks of types; `tsPreCompilationDeps` tells them apart.

const room = '^src/features/([^/]+)/';
const npmOrBuiltin = ['npm', 'npm-dev', 'npm-peer', 'npm-optional', 'npm-unknown', 'npm-no-pkg', 'core'];
const routerFiles = '/router\\.ts$';
const serviceFiles = '/service(\\.ts$|/)';
const storeFiles = '/store(\\.ts$|/)';
/** A room's own composition, and its adapter of the kernel's Authenticator. */
const openers = 'accounts/(accounts|authenticator)\\.ts$';
/** Everything in a feature's folder that is none of the files with a fixed meaning is pure. */
const impureFiles = ['/(router\\.ts$|(import-)?schema\\.ts$|(service|store)(\\.ts$|/))', openers];
/** The closed list of events: words and pure functions, read like the kernel. */
const vocabulary = '^src/platform/events/catalogue\\.ts$';
/** What a service calls directly: the outbox takes the service's transaction, the others are pure functions. */
const serviceTools = '^src/platform/(audit|events/outbox|embedding/forgetting|auth/(api-key|network|secret))\\.ts$';

const value = { dependencyTypesNot: ['type-only'] };

export default {
  forbidden: [
    ['no-cycles', 'every arrow points one way', {}, { circular: true }],
    ['no-unresolved', 'an import that resolves to nothing proves nothing', {}, { couldNotResolve: true }],
    [
      'no-dev-dependency',
      'what runs is installed in production',
      { path: '^src/', pathNot: '^src/platform/db/generated/' },
      {
        dependencyTypes: ['npm-dev', 'npm-unknown', 'npm-no-pkg'],
        dependencyTypesNot: ['type-only'],
      },
    ],

    ['kernel-imports-itself', 'the kernel imports nothing else', { path: '^src/kernel/' }, { pathNot: '^src/kernel/' }],

    [
      'platform-knows-no-rooms',
      'adapters know the kernel',
      { path: '^src/platform/' },
      {
        path: '^src/',
        pathNot: ['^src/platform/', '^src/kernel/', '^src/config\\.ts$'],
      },
    ],
    [
      'platform-takes-types-of-config',
      'it is handed its slice',
      { path: '^src/platform/' },
      { path: '^src/config\\.ts$', ...value },
    ],
    [
      'thread-takes-messages-only',
      'messages in, messages out',
      { path: '^src/platform/embedding/(thread|.*-thread)\\.ts$' },
      {
        path: '^src/',
        pathNot: ['^src/kernel/', '^src/platform/embedding/'],
      },
    ],
    [
      'only-db-opens-connections',
      'one pool, one place',
      { path: '^src/', pathNot: '^src/platform/db/' },
      {
        path: 'node_modules/(pg|@prisma/(client|adapter-pg)|@electric-sql/[^/]+)/',
        ...value,
      },
    ],

    [
      'rpc-imports',
      'rpc knows no feature, no door, no database',
      { path: '^src/rpc/' },
      {
        path: '^src/',
        pathNot: ['^src/(rpc|kernel|platform)/'],
      },
    ],
    [
      'rpc-takes-types-of-platform',
      'rpc is given adapters',
      { path: '^src/rpc/' },
      { path: '^src/platform/', ...value },
    ],
    [
      'rpc-npm',
      'rpc speaks tRPC and zod',
      { path: '^src/rpc/' },
      {
        dependencyTypes: npmOrBuiltin,
        pathNot: ['node_modules/@trpc/server/', 'node_modules/zod/'],
      },
    ],
    [
      'rpc-without-database',
      'no Prisma, no pg',
      { path: '^src/rpc/' },
      { path: ['^src/platform/db/', 'node_modules/(@prisma|pg)/'] },
    ],

    [
      'http-imports',
      'the door is given a router',
      { path: '^src/http/' },
      { path: '^src/', pathNot: ['^src/(http|rpc|kernel|platform)/', '^src/config\\.ts$'] },
    ],
    [
      'http-takes-types-of-platform',
      'the door is given adapters and its slice of the configuration',
      { path: '^src/http/' },
      { path: ['^src/platform/', '^src/config\\.ts$'], ...value },
    ],
    [
      'http-without-database',
      'no Prisma, no pg',
      { path: '^src/http/' },
      { path: ['^src/platform/db/generated/', 'node_modules/(@prisma|pg)/'] },
    ],

    [
      'features-know-no-door',
      'nor the composition',
      { path: '^src/features/' },
      { path: '^src/(http/|app|router|main|cli|client|demo)' },
    ],
    [
      'rooms-do-not-meet',
      'a room never imports another',
      { path: room, pathNot: '^src/features/feed/' },
      {
        path: '^src/features/',
        pathNot: '^src/features/$1/',
      },
    ],
    [
      'feed-shows-prompts',
      'the feed delivers prompts, so it may use their schema and view',
      { path: '^src/features/feed/' },
      {
        path: '^src/features/',
        pathNot: ['^src/features/feed/', '^src/features/prompts/(schema|view)\\.ts$'],
      },
    ],

    [
      'router-imports',
      'own schema, rpc, kernel',
      { path: `${room}router\\.ts$` },
      {
        path: '^src/',
        pathNot: ['^src/(kernel|rpc)/', '^src/features/$1/', '^src/features/prompts/(schema|view)\\.ts$'],
      },
    ],
    [
      'router-without-store',
      'no thought in a router',
      { path: `${room}router\\.ts$` },
      { path: '^src/features/$1/', pathNot: '/(import-)?schema\\.ts$', ...value },
    ],
    ['router-never-stores', 'not even types', { path: routerFiles }, { path: storeFiles }],
    [
      'router-npm',
      'zod and tRPC',
      { path: `${room}router\\.ts$` },
      {
        dependencyTypes: npmOrBuiltin,
        pathNot: ['node_modules/zod/', 'node_modules/@trpc/server/'],
      },
    ],

    [
      'service-imports',
      'kernel, ports and types of platform',
      { path: `^src/features/.*${serviceFiles}` },
      {
        path: '^src/platform/',
        pathNot: [vocabulary, serviceTools],
        ...value,
      },
    ],
    [
      'service-without-wire',
      'no tRPC, no fastify, no SQL',
      { path: `^src/features/.*${serviceFiles}` },
      {
        path: ['^src/(rpc|http)/', 'node_modules/(@trpc|fastify|@fastify|pg|pgvector|@prisma)/', routerFiles],
      },
    ],
    [
      'store-imports',
      'the database and the kernel',
      { path: `^src/features/.*${storeFiles}` },
      {
        path: '^src/',
        pathNot: ['^src/(kernel|platform/db)/', `^src/features/.*${storeFiles}`, '^src/features/.*/[^/]+\\.ts$'],
      },
    ],
    [
      'store-knows-no-wire',
      'service, router, schema and events are above it',
      { path: `^src/features/.*${storeFiles}` },
      {
        path: [serviceFiles, routerFiles, '^src/platform/(events|embedding|llm|auth|metrics)/', 'node_modules/@trpc/'],
      },
    ],
    [
      'store-takes-types-of-schema',
      'the shape of a filter is written once; its parser stays above',
      { path: `^src/features/.*${storeFiles}` },
      { path: '/(import-)?schema\\.ts$', ...value },
    ],
    [
      'schema-imports',
      'zod and the kernel',
      { path: `${room}(import-)?schema\\.ts$` },
      {
        path: ['^src/(platform|rpc|http)/', serviceFiles, routerFiles, storeFiles],
        pathNot: vocabulary,
      },
    ],
    [
      'pure-files',
      'no I/O: the kernel, and types and pure files of the own room',
      { path: '^src/features/', pathNot: impureFiles },
      {
        path: ['^src/(platform|rpc|http)/', serviceFiles, routerFiles, storeFiles],
        pathNot: vocabulary,
        ...value,
      },
    ],
    [
      'pure-files-npm',
      'no I/O',
      { path: '^src/features/', pathNot: impureFiles },
      {
        dependencyTypes: npmOrBuiltin,
        dependencyTypesNot: ['type-only'],
        pathNot: ['node_modules/zod/', '^(node:)?(crypto|buffer)$'],
      },
    ],

    [
      'table-of-contents',
      'feature routers, rpc, types of services',
      { path: '^src/router\\.ts$' },
      {
        path: ['^src/(platform|http)/', storeFiles],
      },
    ],
    ['table-of-contents-types', 'services are given', { path: '^src/router\\.ts$' }, { path: serviceFiles, ...value }],
    [
      'app-is-imported-by-the-process',
      'composed once',
      { path: '^src/', pathNot: '^src/(main|cli)\\.ts$' },
      { path: '^src/app\\.ts$' },
    ],
    [
      'client-takes-types',
      'no server value reaches a client',
      { path: '^src/client\\.ts$' },
      { path: '^src/', ...value },
    ],
    [
      'client-npm',
      'what a browser can load',
      { path: '^src/client\\.ts$' },
      {
        dependencyTypes: npmOrBuiltin,
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@trpc/client/',
      },
    ],
    [
      'demo-is-a-stranger',
      'it uses the client like anyone',
      { path: '^src/demo' },
      { path: '^src/', pathNot: '^src/(client\\.ts$|demo)' },
    ],
    [
      'entries-are-not-imported',
      'a process is started, not imported; `promptwell serve` is main itself',
      { pathNot: '^src/cli\\.ts$' },
      { path: '^src/(main|cli|demo)\\.ts$' },
    ],
  ].map(([name, comment, from, to]) => ({ name, comment, severity: 'error', from, to })),
  options: {
    doNotFollow: { path: ['node_modules', '^src/platform/db/generated/'] },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'types', 'default'],
      extensions: ['.ts', '.mjs', '.js'],
    },
  },
};

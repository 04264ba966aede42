// The npm package "diameter" as gateways' policy side (Gx): a bearer for each subscriber, what it was told, and then
// what Re-Auth-Requests say, each as one JSON line; until standard input ends. Arguments: port, realm, subscribers.
'use strict';

const diameter = require('diameter');
const [port, realm, ...subscribers] = process.argv.slice(2);
const GX = 16777238; // the package's own name for it stands for Cx's number

const valueOf = (avps, name) => {
  const found = avps.find((avp) => avp[0] === name);
  return found === undefined ? undefined : found[1];
};
const names = (body, group) => body.filter((avp) => avp[0] === group)
  .flatMap((avp) => avp[1].filter((one) => /^Charging-Rule-(Base-)?Name$/.test(one[0])).map((one) => String(one[1])));
const rules = (body) => ({ install: names(body, 'Charging-Rule-Install'), remove: names(body, 'Charging-Rule-Remove') });

const socket = diameter.createConnection({ port: Number(port), host: '127.0.0.1', timeout: 5000 }, async () => {
  const connection = socket.diameterConnection;
  const capabilities = connection.createRequest('Diameter Common Messages', 'Capabilities-Exchange');
  capabilities.body = capabilities.body.concat([
    ['Origin-Host', 'npm.example'],
    ['Origin-Realm', 'example'],
    ['Host-IP-Address', '127.0.0.1'],
    ['Vendor-Id', 10415],
    ['Product-Name', 'node-diameter'],
    ['Supported-Vendor-Id', 10415],
    ['Vendor-Specific-Application-Id', [['Vendor-Id', 10415], ['Auth-Application-Id', GX]]],
  ]);
  const cea = await connection.sendRequest(capabilities);
  console.log(JSON.stringify({ capabilities: valueOf(cea.body, 'Result-Code') }));
  for (const subscriber of subscribers) {
    const request = connection.createRequest('Diameter Credit Control Application', 'Credit-Control', `npm.example;gx;${subscriber}`);
    request.header.applicationId = GX;
    request.body = request.body.concat([
      ['Auth-Application-Id', GX],
      ['Origin-Host', 'npm.example'],
      ['Origin-Realm', 'example'],
      ['Destination-Realm', realm],
      ['CC-Request-Type', 1],
      ['CC-Request-Number', 0],
      ['Subscription-Id', [['Subscription-Id-Type', 0], ['Subscription-Id-Data', subscriber]]],
    ]);
    const answer = await connection.sendRequest(request);
    console.log(JSON.stringify({ subscriber, result: valueOf(answer.body, 'Result-Code'), ...rules(answer.body) }));
  }
});
socket.on('diameterMessage', (event) => {
  const session = valueOf(event.message.body, 'Session-Id');
  event.response.body = event.response.body.concat([
    ['Result-Code', 'DIAMETER_SUCCESS'], ['Origin-Host', 'npm.example'], ['Origin-Realm', 'example']]);
  event.callback(event.response);
  if (session) console.log(JSON.stringify({ asked_again: session.split(';').pop(), ...rules(event.message.body) }));
});
socket.on('error', (error) => {
  console.error(String(error && error.stack || error));
  process.exit(1);
});
process.stdin.on('end', () => process.exit(0)).resume();

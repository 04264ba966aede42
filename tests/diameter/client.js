// The npm package "diameter" as a network: one session, initial, two updates and termination, and what it was
// told as one JSON line. Arguments: port, realm, subscriber, rating group.
'use strict';

const diameter = require('diameter');
const [port, realm, subscriber, group] = process.argv.slice(2);

const units = (type) => {
  const avps = [['Rating-Group', Number(group)]];
  if (type !== 3) avps.push(['Requested-Service-Unit', []]);
  if (type !== 1) avps.push(['Used-Service-Unit', [['CC-Total-Octets', 250000]]]);
  return ['Multiple-Services-Credit-Control', avps];
};

const valueOf = (avps, name) => {
  const found = avps.find((avp) => avp[0] === name);
  return found === undefined ? undefined : found[1];
};

const socket = diameter.createConnection({ port: Number(port), host: '127.0.0.1', timeout: 5000 }, async () => {
  const connection = socket.diameterConnection;
  const said = { answers: [] };
  const capabilities = connection.createRequest('Diameter Common Messages', 'Capabilities-Exchange');
  capabilities.body = capabilities.body.concat([
    ['Origin-Host', 'npm.example'],
    ['Origin-Realm', 'example'],
    ['Host-IP-Address', '127.0.0.1'],
    ['Vendor-Id', 10415],
    ['Product-Name', 'node-diameter'],
    ['Supported-Vendor-Id', 10415],
    ['Auth-Application-Id', 'Diameter Credit Control'],
  ]);
  const cea = await connection.sendRequest(capabilities);
  said.capabilities = valueOf(cea.body, 'Result-Code');
  said.vendors = cea.body.filter((avp) => avp[0] === 'Supported-Vendor-Id').map((avp) => avp[1]);
  for (const [type, number] of [[1, 0], [2, 1], [2, 2], [3, 3]]) {
    const request = connection.createRequest('Diameter Credit Control Application', 'Credit-Control', 'npm.example;1;1');
    request.body = request.body.concat([
      ['Origin-Host', 'npm.example'],
      ['Origin-Realm', 'example'],
      ['Destination-Realm', realm],
      ['Auth-Application-Id', 'Diameter Credit Control'],
      ['Service-Context-Id', '32251@3gpp.org'],
      ['CC-Request-Type', type],
      ['CC-Request-Number', number],
      ['Subscription-Id', [['Subscription-Id-Type', 0], ['Subscription-Id-Data', subscriber]]],
      units(type),
    ]);
    const answer = await connection.sendRequest(request);
    const service = valueOf(answer.body, 'Multiple-Services-Credit-Control') || [];
    const granted = valueOf(service, 'Granted-Service-Unit') || [];
    said.answers.push({
      result: valueOf(answer.body, 'Result-Code'),
      type: valueOf(answer.body, 'CC-Request-Type'),
      number: valueOf(answer.body, 'CC-Request-Number'),
      service: valueOf(service, 'Result-Code'),
      granted: String(valueOf(granted, 'CC-Total-Octets')),
      validity: valueOf(service, 'Validity-Time'),
      failure: valueOf(answer.body, 'Credit-Control-Failure-Handling'),
    });
  }
  console.log(JSON.stringify(said));
  connection.end();
});
socket.on('error', (error) => {
  console.error(String(error && error.stack || error));
  process.exit(1);
});

// node client.js PORT_AUTH PORT_ACCT SECRET USER: an Access-Request and the three reports of a session with the npm
// package `radius`; prints one JSON line of what came back. The package proves each answer's authenticator.
const dgram = require("dgram");
const radius = require("radius");
const [authPort, acctPort, secret, user] = process.argv.slice(2);

function ask(port, packet) {
  const encoded = radius.encode(packet);
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket("udp4");
    const timer = setTimeout(() => { socket.close(); resolve({ code: "silence" }); }, 3000);
    socket.on("message", (bytes) => {
      clearTimeout(timer);
      socket.close();
      const valid = radius.verify_response({ request: encoded, response: bytes, secret });
      const answer = radius.decode({ packet: bytes, secret });
      resolve({ code: answer.code, valid, attributes: answer.attributes });
    });
    socket.send(encoded, Number(port), "127.0.0.1");
  });
}

const account = (status, input, id) => ({
  code: "Accounting-Request", secret, identifier: id,
  attributes: [["Acct-Status-Type", status], ["Acct-Session-Id", "npm-1"], ["User-Name", user],
    ["NAS-Identifier", "npm-nas"], ["Acct-Input-Octets", input], ["Acct-Output-Octets", 0]],
});

(async () => {
  const out = {};
  out.access = await ask(authPort, {
    code: "Access-Request", secret, identifier: 7, add_message_authenticator: true,
    attributes: [["User-Name", user], ["User-Password", "right"], ["NAS-Identifier", "npm-nas"]],
  });
  out.start = await ask(acctPort, account("Start", 0, 8));
  out.interim = await ask(acctPort, account("Interim-Update", 1000, 9));
  out.stop = await ask(acctPort, account("Stop", 2500, 10));
  console.log(JSON.stringify(out));
})();

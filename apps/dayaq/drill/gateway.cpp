// The gateway's other side: what Kannel's smsbox does with the node's answers. @see docs/sms.md
#include "drill/drill.hpp"
#include "http/message.hpp"
#include "http/router.hpp"
#include "http/server.hpp"

namespace dayaq::cli::drill {

struct Gateway::State {
  http::Router router;
  std::unique_ptr<http::Server> server;
};

Gateway::Gateway(std::unique_ptr<State> state) : state_(std::move(state)) {}
Gateway::~Gateway() {
  if (state_->server) state_->server->stop();
}

Result<std::unique_ptr<Gateway>> Gateway::make(int port, Text on_text) {
  auto state = std::make_unique<State>();
  state->router.add({.pattern = "/cgi-bin/sendsms",
                     .open = "the drill's own node sends its answers here",
                     .run = http::Run::inline_,
                     .operation = "send",
                     .summary = "Takes an answer."},
                    [on_text = std::move(on_text)](const http::Request& request) {
                      on_text(request.query_value("to").value_or(""),
                              request.query_value("text").value_or(""));
                      http::Response taken = http::Response::text("0: Accepted for delivery");
                      taken.status = 202;
                      return taken;
                    });
  http::ServerOptions options;
  options.port = std::uint16_t(port);
  options.workers = 1;
  DAYAQ_TRY(state->server, http::Server::start(options, state->router, nullptr));
  return std::unique_ptr<Gateway>(new Gateway(std::move(state)));
}

}  // namespace dayaq::cli::drill

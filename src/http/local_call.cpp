#include "http/local_call.hpp"

#include <future>
#include <memory>
#include <string>

#include "base/waiting.hpp"
#include "http/answers.hpp"
#include "http/parse.hpp"

namespace dayaq::http {
namespace {

/// What a Request's views point into.
struct OwnedRequest {
  std::string target, body, content_type, authorization;
  Request request;
};

}  // namespace

Response call(const Router& router, const Authenticator* authenticator, Method method,
              std::string_view target, std::string_view body, std::string_view content_type,
              std::string_view bearer_token) {
  auto owned = std::make_shared<OwnedRequest>();
  owned->target = target;
  owned->body = body;
  owned->content_type = content_type;
  if (!bearer_token.empty()) owned->authorization = "Bearer " + std::string(bearer_token);
  Request& request = owned->request;
  const std::string_view whole = owned->target;
  const std::size_t mark = whole.find('?');
  request.method = method;
  request.path = whole.substr(0, mark);
  request.query = mark == std::string_view::npos ? std::string_view() : whole.substr(mark + 1);
  request.body = owned->body;
  request.headers = {{"Content-Type", owned->content_type}, {"Authorization", owned->authorization}};
  request.remote_address = "local";

  Router::Match match = router.match(method, request.path);
  Framing framing;
  framing.content_length = owned->body.size();
  framing.authorization = owned->authorization;
  Admission admission = admit_by_head(match, request, framing, authenticator);
  if (admission.ask_on_worker) admission.refusal = admit_caller(*match.route, request, *authenticator);
  if (admission.refusal) return std::move(*admission.refusal);
  request.parameters = std::move(match.parameters);

  auto answer = std::make_shared<std::promise<Response>>();
  std::future<Response> arrived = answer->get_future();
  (*match.handler)(std::shared_ptr<const Request>(owned, &owned->request),
                   Responder([answer](Response response) { answer->set_value(std::move(response)); }));
  const Waiting others_may_work;
  return arrived.get();
}

}  // namespace dayaq::http

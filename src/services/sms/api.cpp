#include "services/sms/api.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/utf8.hpp"
#include "crypto/sign.hpp"
#include "http/encoding.hpp"

namespace dayaq::services::sms {
namespace {

/// A value of the query as the bytes that it is: UCS-2 isn't UTF-8.
std::string raw_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.size() <= name.size() || !pair.starts_with(name) || pair[name.size()] != '=') continue;
    std::string spaced(pair.substr(name.size() + 1));
    std::ranges::replace(spaced, '+', ' ');
    return http::percent_decode(spaced).value_or("");
  }
  return {};
}

http::Response refused(ErrorKind kind, std::string_view code, std::string text) {
  return http::problem(Error{kind, code, std::move(text), {}, {}, 0, 0});
}

}  // namespace

std::string decode_text(std::string text, std::string_view charset, std::string_view coding) {
  const bool wide = charset == "UTF-16BE" || charset == "UCS-2" || (charset.empty() && coding == "2");
  if (!wide) return text;
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const auto unit = [&](std::size_t at) {
      return char32_t(static_cast<unsigned char>(text[at])) << 8 | static_cast<unsigned char>(text[at + 1]);
    };
    char32_t c = unit(i);
    if (c >= 0xD800 && c < 0xDC00 && i + 3 < text.size() && unit(i + 2) >= 0xDC00 && unit(i + 2) < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
      i += 2;
    }
    if (c >= 0xD800 && c < 0xE000) c = U' ';
    append_utf8(out, c);
  }
  return out;
}

void add_door(http::Router& router, DoorContext context) {
  const auto shared = std::make_shared<const DoorContext>(std::move(context));
  router.add_async(
      {.method = http::Method::get,
       .pattern = "/sms/inbound",
       .open = "Kannel calls it, with a secret, from its own address.",
       .run = http::Run::inline_,
       .operation = "take_sms",
       .summary = "Takes a message from the SMS gateway; its answer is sent by itself.",
       .request_schema = {},
       .response_schema = {},
       .tag = "services",
       .query_parameters = {{"secret", "The secret that dayaq.yaml names."},
                            {"from", "The sender's number."},
                            {"text", "The message."},
                            {"id", "The gateway's id of the message, the same when it tries again."}}},
      [shared](std::shared_ptr<const http::Request> request, http::Responder respond) {
        const DoorContext& door = *shared;
        const std::string secret = request->query_value("secret").value_or("");
        const bool known = std::ranges::find(door.addresses, request->remote_address) != door.addresses.end();
        if (door.secret.empty() || !known ||
            !crypto::equal_constant_time(as_bytes(secret), as_bytes(door.secret))) {
          return respond(refused(ErrorKind::forbidden, "sms.door", "Only the SMS gateway may call this."));
        }
        Incoming incoming{.from = request->query_value("from").value_or(""),
                          .text = decode_text(raw_value(request->query, "text"),
                                              request->query_value("charset").value_or(""),
                                              request->query_value("coding").value_or("")),
                          .id = request->query_value("id").value_or(""),
                          .sent = request->query_value("time").value_or("")};
        if (incoming.from.empty()) {
          return respond(
              refused(ErrorKind::invalid_input, "sms.from", "`from` must be the sender's number."));
        }
        const Instant now = door.clock.now();
        const auto prepared = door.inbox.prepare(incoming, now);
        auto answer = std::make_shared<http::Responder>(std::move(respond));
        door.db.submit(
            [&door, prepared, now, shared](store::Session& session) -> Result<void> {
              DAYAQ_TRY_OK(door.inbox.take(session, *prepared, now));
              return {};
            },
            [answer, request](Result<void> done) {
              (*answer)(done ? http::Response::text("") : http::problem(done.error()));
            });
      });
}

}  // namespace dayaq::services::sms

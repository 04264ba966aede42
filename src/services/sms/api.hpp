// Kannel's door: smsbox calls it for each message that comes in.
//
//   GET /sms/inbound?secret=...&from=%p&to=%P&id=%I&time=%t&coding=%c&charset=%C&text=%b
//
// @see docs/sms.md for smsbox's configuration; Kannel user's guide, chapter 6, "SMS service", `get-url`
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/router.hpp"
#include "services/sms/inbox.hpp"

namespace dayaq::services::sms {

struct DoorContext {
  store::Database& db;
  Inbox& inbox;
  const Clock& clock;
  std::string secret;                  ///< "": the door is shut
  std::vector<std::string> addresses;  ///< that may call: "127.0.0.1"
};

/// Refers to the context's members as long as the router lives. Answers 200 with nothing in it once the
/// message and its answer are durable; 503 if they are not: smsbox tries again. 403 for a wrong secret or
/// address, 400 without `from`.
void add_door(http::Router& router, DoorContext context);

/// The text of a message in UTF-8: `charset` "UTF-16BE" (or coding 2 without one) is what UCS-2 comes in.
[[nodiscard]] std::string decode_text(std::string text, std::string_view charset, std::string_view coding);

}  // namespace dayaq::services::sms

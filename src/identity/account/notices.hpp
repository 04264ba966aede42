// What persons are told about their digital ID, in three languages, and over which of their channels.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "identity/account/accounts.hpp"

namespace dayaq::identity {

enum class Notice : std::uint8_t {
  activation_code,        ///< {0}: the code; {1}: until when
  number_code,            ///< {0}: six digits
  authenticator_added,    ///< {0}: its name
  authenticator_removed,  ///< {0}: its name
  authenticator_lost,     ///< {0}: its name; {1}: until when it works; {2}: the link that takes it back
  recovered,              ///< {0}: the new one's name; {1}: the link that takes it back
  recovered_surely,       ///< {0}: the new one's name; shown at a counter or proved by card: no link
  recovery_undone,
  suspended,
  reactivated,
  relation_recorded,  ///< {0}: its kind
  relation_ended,     ///< {0}: its kind
};

/// One text, its {0}, {1} and {2} filled in.
[[nodiscard]] std::string notice_text(Notice notice, Language language,
                                      const std::vector<std::string>& values = {});

/// To where notices of a person go.
struct Receivers {
  std::vector<std::string> numbers;  ///< the registry's, but for those left out
  std::vector<std::string> devices;
  std::string letter;  ///< an address
};
/// `but_not`: a number that the change itself was proved by. `letter` is filled only where neither a number
/// nor a device is left, or a letter is asked for.
Result<Receivers> receivers_of(store::Session& db, const Accounts& accounts, PersonId person,
                               std::string_view but_not, Instant now);
/// Where the registry knows somebody to live, as an envelope has it; "" for somebody unknown.
Result<std::string> letter_address(store::Session& db, const Accounts& accounts, PersonId person);

/// Queues the text to each receiver.
Result<void> notify(store::Session& db, const Accounts& accounts, const Receivers& receivers,
                    const std::string& text);
/// The same to all of the person's channels in their language.
Result<void> notify(store::Session& db, const Accounts& accounts, const Account& account, Notice notice,
                    const std::vector<std::string>& values, Instant now, std::string_view but_not = {});

}  // namespace dayaq::identity

// links: dayaq::drill_files
// Files of messages with their answers: whatever the bytes are, the reader ends with a line that is wrong, or
// with phrases of which messages can be made for anybody.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "drill/messages.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::cli::drill;
  const auto book = Phrasebook::parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!book) {
    DAYAQ_ASSERT(book.error().code == "drill.messages" && book.error().public_text.starts_with("Line "));
    return 0;
  }
  DAYAQ_ASSERT(book->clear() > 0 && book->unclear() > 0);
  const std::vector<std::string> persons{"0WBXM02", "0XMQMUM", "5ABC123", "11AB333",
                                         "ABCDEFG", "1234567", "L4ZLLL0"};
  SeededRandom random(1);
  std::size_t next = 0;
  for (int i = 0; i < 16; ++i) {
    const Message message = book->make(i % 2 == 1, persons, next, random);
    for (const std::string& person : message.asks) {
      DAYAQ_ASSERT(std::find(persons.begin(), persons.end(), person) != persons.end());
    }
    DAYAQ_ASSERT(message.text.size() < size * 4 + 64);
    DAYAQ_ASSERT(i % 2 == 0 || (message.asks.empty() && (message.about_person || message.about_answer)));
  }
  return 0;
}

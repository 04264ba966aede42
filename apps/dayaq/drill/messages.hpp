// Messages as people write them, with the right answer beside each, for persons of one's own.
//
// The file is that of the tests of messages (tests/data/sms/generate.py says what its lines mean). Where a
// permit is the right answer, the ids in a message are replaced by those of persons who exist, written in the
// same manner: in pieces, in Cyrillic look-alikes, with O for 0. What can't be replaced surely is left out.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"

namespace dayaq::cli::drill {

struct Message {
  std::string text;
  std::string kind;                                 ///< how it was broken: "Cyrillic look-alikes"
  std::vector<std::string> asks;                    ///< for whom, if it can be understood
  bool careful = false;                             ///< asking back is right too
  bool about_person = false, about_answer = false;  ///< what may be asked about, if it can't be understood
};

class Phrasebook {
 public:
  /// invalid_input "drill.messages", with the line; also if nothing in it is understood, or everything.
  [[nodiscard]] static Result<Phrasebook> parse(std::string_view text);

  [[nodiscard]] std::size_t clear() const { return clear_.size(); }
  [[nodiscard]] std::size_t unclear() const { return unclear_.size(); }
  [[nodiscard]] std::size_t left_out() const { return left_out_; }

  /// A message for the persons from `next` on (round and round), who are advanced.
  [[nodiscard]] Message make(bool broken, const std::vector<std::string>& persons, std::size_t& next,
                             SeededRandom& random) const;

 private:
  struct Letter {  ///< one of an id, as it was written
    std::size_t at = 0, size = 0;
    std::uint8_t manner = 0;
  };
  struct Place {  ///< where an id stands in the text
    std::array<Letter, 7> letters;
    bool tight = false;  ///< in pieces, or glued to something: its ends must not be readable as a reason
  };
  struct Line {
    std::string text, kind;
    std::vector<Place> places;
    bool careful = false, about_person = false, about_answer = false;
  };
  static bool locate(std::string_view text, const std::vector<std::string>& ids, std::vector<Place>& out);
  static std::vector<std::string> choose(const Line& line, const std::vector<std::string>& persons,
                                         std::size_t& next);
  static bool fits(const Place& place, std::string_view id);

  std::vector<Line> clear_, unclear_;
  std::size_t left_out_ = 0;
};

}  // namespace dayaq::cli::drill

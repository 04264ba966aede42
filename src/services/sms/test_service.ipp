// The permit to leave home, as its file in the country pack has it.
#pragma once

#include <gtest/gtest.h>

#include "regime/law_test_support.hpp"
#include "services/file.hpp"
#include "services/sms/grammar.hpp"

namespace dayaq::services::sms::test {

[[nodiscard]] inline const Service& leaving_home() {
  static const Service service = [] {
    const auto context = regime::test::azerbaijan().file_context();
    auto read =
        parse_service(regime::test::repository_file("country/az/services/leaving-home.yaml"), context);
    if (!read) {
      ADD_FAILURE() << "leaving-home.yaml isn't a service file: " << read.error().front().public_text;
      return Service{};
    }
    return std::move(*read);
  }();
  return service;
}

[[nodiscard]] inline const registry::NationalIdRule& id_rule() {
  return regime::test::azerbaijan().pack.national_id_rule();
}

[[nodiscard]] inline Grammar grammar() {
  return Grammar({&leaving_home()}, id_rule());
}

/// "ok doctor:5ABC123 shopping:6DEF456", sorted; "ask person_length"; "help".
[[nodiscard]] inline std::string said(const Reading& reading) {
  if (const auto* question = std::get_if<Question>(&reading.says)) {
    return "ask " + std::string(to_string(question->what));
  }
  if (const auto* command = std::get_if<Command>(&reading.says)) {
    return command->what == Command::What::help     ? "help"
           : command->what == Command::What::status ? "status"
                                                    : "cancel";
  }
  std::vector<std::string> out;
  for (const Request& one : std::get<Requests>(reading.says).of) {
    const auto reason = one.answers.find("reason");
    out.push_back((reason == one.answers.end() ? "-" : reason->second) + ":" + one.person.text());
  }
  std::ranges::sort(out);
  std::string text = "ok";
  for (const std::string& one : out) text += " " + one;
  return text;
}

}  // namespace dayaq::services::sms::test

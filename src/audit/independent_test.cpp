// The log is checked by a program that shares nothing with ours but docs/audit.md: tests/audit_verify.py.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>

#include "audit/api.hpp"
#include "audit/export.hpp"
#include "audit/log.hpp"
#include "http/local_call.hpp"
#include "support/audit_log.hpp"

namespace dayaq::audit {
namespace {

struct Answer {
  int status = -1;
  std::string output;
};

struct IndependentVerifier : testing::Test {
  IndependentVerifier() {
    t.grow(700, [n = 0u](EntryDraft& draft) mutable {
      if (n % 2 != 0) draft.subject = PersonId(0x7000'0000'0000'0000 + n);
      if (n % 3 == 0) draft.personal = "{\"name\":\"\\\"Əli\\\" \\\\ " + std::to_string(n) + "\"}";
      if (n % 5 == 0)
        draft.data = R"({"a":[1,-2,9007199254740991],"text":"Şəki \u0001\n\"/","z":{"b":null,"c":true}})";
      ++n;
    });
    key = t.log->verifier_key().to_text();
  }
  std::string put(std::string_view name, std::string_view content) {
    const auto path = folder / name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string exported(Personal personal = Personal::included) {
    std::string text;
    EXPECT_TRUE(t.db().read([&](store::Session& session) {
      return export_log(session, personal, [&](std::string_view line) -> Result<void> {
        text += line;
        return {};
      });
    }));
    return text;
  }
  Answer run(const std::string& log, const std::string& more = {}) {
    const std::string command =
        "python3 " DAYAQ_SOURCE_DIR "/tests/audit_verify.py " + log + " '" + key + "' " + more + " 2>&1";
    Answer answer;
    FILE* const pipe = ::popen(command.c_str(), "r");
    std::array<char, 4096> buffer;
    while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
      answer.output.append(buffer.data(), got);
    }
    answer.status = WEXITSTATUS(::pclose(pipe));
    return answer;
  }
  test::TemporaryFolder folder{"audit"};
  test::AuditLog t{store::Engine::sqlite};
  std::string key;
};

TEST_F(IndependentVerifier, FindsOurLogGood) {
  const Answer answer = run(put("log", exported()));
  EXPECT_EQ(answer.status, 0) << answer.output;
  const auto checkpoint = crypto::open_checkpoint(t.log->checkpoint(), t.log->verifier_key());
  EXPECT_EQ(answer.output, "700 entries fit, root " + to_base64(checkpoint->head.root) + "\n");
  EXPECT_EQ(run(put("public", exported(Personal::left_out))).status, 0);
}

TEST_F(IndependentVerifier, FindsAnErasedPersonsLogGood) {
  const PersonId person(0x7000'0000'0000'0000 + 9);
  const std::string before = exported();
  ASSERT_TRUE(t.db().write([&](store::Session& session) { return t.log->erase_personal(session, person); }));
  EXPECT_NE(exported(), before);
  EXPECT_EQ(run(put("log", exported())).status, 0);
}

TEST_F(IndependentVerifier, NamesTheEntryThatWasChanged) {
  const std::string log = exported();
  const auto with = [&](std::uint64_t index, std::string_view word, std::string_view other) {
    std::string text = log;
    const std::size_t line = text.find("\"index\":" + std::to_string(index) + ",");
    text.replace(text.find(word, line), word.size(), other);
    return run(put("changed", text)).output;
  };
  EXPECT_TRUE(with(300, "test.note", "test.mote").contains("entry 300 was changed"));
  EXPECT_TRUE(
      with(303, "personal\":\"{", "personal\":\"[").contains("entry 303: its personal part doesn't open"));
  EXPECT_TRUE(
      with(303, "person\":\"80", "person\":\"81").contains("entry 303: its personal part doesn't open"));
  std::string cut = log.substr(0, log.find("{\"hash\"", log.find("\"index\":698,")));
  EXPECT_TRUE(run(put("cut", cut)).output.contains("entry 699 is missing"));
  std::string other_root = log;
  other_root[log.find("\\n700\\n") + 10] ^= 1;
  EXPECT_TRUE(run(put("root", other_root)).output.contains("isn't one that the key has signed"));
}

TEST_F(IndependentVerifier, AcceptsTheProofsThatAreServed) {
  http::Router router;
  add_routes(router, *t.log, t.db());
  const auto get = [&](const std::string& target) {
    return http::call(router, nullptr, http::Method::get, "/v1/audit/" + target, "", "", "").body;
  };
  std::string options;
  int file = 0;
  const auto add = [&](const std::string& option, const std::string& body) {
    options += " --" + option + " " + put("proof" + std::to_string(++file), body);
  };
  for (const char* index : {"0", "255", "256", "511", "600"}) {
    add("inclusion", get(std::string("proofs/inclusion?size=700&index=") + index));
    add("inclusion", get(std::string("proofs/inclusion?size=601&index=") + index));
  }
  for (const char* from : {"1", "255", "256", "512", "513", "699", "700"}) {
    add("consistency", get(std::string("proofs/consistency?to=700&from=") + from));
  }
  add("held", get("checkpoint"));
  t.grow(3);
  const std::string log = put("log", exported());
  const Answer answer = run(log, options);
  EXPECT_EQ(answer.status, 0) << answer.output;
  // And it isn't a verifier that accepts everything.
  std::string wrong = get("proofs/inclusion?size=700&index=600");
  wrong.replace(wrong.find("600"), 3, "601");
  EXPECT_TRUE(run(log, "--inclusion " + put("wrong", wrong)).output.contains("inclusion proof doesn't fit"));
  wrong = get("proofs/consistency?from=513&to=700");
  wrong.replace(wrong.find("513"), 3, "514");
  EXPECT_TRUE(
      run(log, "--consistency " + put("wrong", wrong)).output.contains("consistency proof doesn't fit"));
}

TEST_F(IndependentVerifier, NoticesAnotherHistoryByTheSameKey) {
  const std::string held = put("held", t.log->checkpoint());
  test::AuditLog other{store::Engine::sqlite};
  other.grow(701);
  std::string text;
  ASSERT_TRUE(other.db().read([&](store::Session& session) {
    return export_log(session, Personal::included, [&](std::string_view line) -> Result<void> {
      text += line;
      return {};
    });
  }));
  const std::string log = put("other", text);
  EXPECT_EQ(run(log).status, 0);
  EXPECT_TRUE(
      run(log, "--held " + held).output.contains("the first 700 entries aren't those that were signed"));
}

}  // namespace
}  // namespace dayaq::audit

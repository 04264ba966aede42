#include <fstream>
#include <map>
#include <thread>

#include "services/attachments/attachments_test_support.hpp"

namespace dayaq::services::attachments {
namespace {

using namespace test;
using namespace std::chrono_literals;

const std::vector<std::string> any_type{"pdf", "jpeg", "png"};

struct AttachmentsTest : testing::TestWithParam<store::Engine> {
  void SetUp() override {
    must(log::set_level("off"));
    must(opened.database->migrate(migrations()));
    open(true);
  }
  void open(bool with_scanner) {
    attachments.reset();
    attachments = std::make_unique<Attachments>(
        *opened.database, root, with_scanner ? std::make_unique<WordScanner>(scanner) : nullptr, random,
        clock);
    attachments->set_uses([&](store::Session&, PersonId, AttachmentId id) -> Result<Use> {
      const auto found = uses.find(id);
      return found == uses.end() ? Use::none : found->second;
    });
  }
  Result<Attachment> send(const std::string& content, std::uint64_t person = 1, const char* name = "a.pdf",
                          std::uint64_t bytes_max = 5u << 20, std::span<const std::string> types = any_type) {
    const auto upload = attachments->begin(PersonId(person), name, {.types = types, .bytes_max = bytes_max});
    // Cut as a connection may cut it.
    for (std::size_t at = 0; at < content.size(); at += 1000) {
      DAYAQ_TRY_OK(upload->add(as_bytes(std::string_view(content).substr(at, 1000))));
    }
    return upload->finish();
  }
  /// As whoever has all of it in memory, or in a file.
  Result<Attachment> send_whole(const std::string& content, std::uint64_t bytes_max = 5u << 20) {
    const auto upload = attachments->begin(PersonId(1), "a.pdf", {.types = any_type, .bytes_max = bytes_max});
    DAYAQ_TRY_OK(upload->add_whole(as_bytes(content)));
    return upload->finish();
  }
  std::optional<Attachment> find(AttachmentId id, std::uint64_t person = 1) {
    return must(opened.database->read(
        [&](store::Session& session) { return attachments->find(session, PersonId(person), id); }));
  }
  std::string read(AttachmentId id) {
    const auto found = find(id);
    if (!found) return "none";
    const auto bytes = attachments->read(*found);
    return bytes ? std::string(as_text(*bytes)) : code_of(bytes);
  }
  /// Names of files that are kept.
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      count += entry.is_regular_file() ? 1u : 0u;
    }
    return count;
  }

  dayaq::test::OpenedDatabase opened{GetParam()};
  dayaq::test::TemporaryFolder temporary{"attachments"};
  std::filesystem::path root = temporary / "files";
  WordScanner::Switch scanner;
  SystemRandom random;
  FixedClock clock{SystemClock().now()};
  std::map<AttachmentId, Use> uses;
  std::unique_ptr<Attachments> attachments;
};

INSTANTIATE_TEST_SUITE_P(Engines, AttachmentsTest, testing::ValuesIn(dayaq::test::engines),
                         [](const auto& engine) { return dayaq::test::name_of(engine.param); });

TEST_P(AttachmentsTest, AreKeptAsTheyWereSent) {
  const std::string content = pdf(std::string(300'000, 'q'));
  const Attachment one = must(send(content, 1, "arayış.pdf"));
  EXPECT_EQ(one.scan, Scan::clean);
  EXPECT_EQ(one.bytes, content.size());
  const auto found = find(one.id);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "arayış.pdf");
  EXPECT_EQ(found->kind, Kind::pdf);
  EXPECT_EQ(found->sha256, one.sha256);
  EXPECT_EQ(found->at, clock.now());
  EXPECT_EQ(read(one.id), content);
}

TEST_P(AttachmentsTest, AreTakenOverWithTheFileInWhichTheyLie) {
  enum class Way : std::uint8_t { takes, refuses, fails } way = Way::takes;
  int asked = 0;
  attachments->set_adopt([&](BytesView content, const std::filesystem::path& target) -> Result<bool> {
    ++asked;
    if (way == Way::fails) return fail(ErrorKind::unavailable, "test.no", "No.");
    if (way == Way::refuses) return false;
    std::ofstream(target, std::ios::binary) << as_text(content);
    return true;
  });
  const Attachment one = must(send_whole(pdf("one")));
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(read(one.id), pdf("one"));
  EXPECT_EQ(code_of(send_whole("MZ no document")), "attachment.type");
  EXPECT_EQ(code_of(send_whole(pdf("MALWARE"))), "attachment.infected");
  EXPECT_EQ(code_of(send_whole(pdf("large"), 10)), "attachment.size");
  EXPECT_EQ(code_of(send_whole("")), "attachment.size");
  EXPECT_EQ(asked, 3) << "what is too large, or nothing, isn't taken";
  EXPECT_EQ(files(), 1u) << "nothing is left of what was refused";
  must(send_whole(pdf("one")));
  EXPECT_EQ(files(), 1u) << "the same content is the same file";
  way = Way::refuses;
  EXPECT_EQ(read(must(send_whole(pdf("two"))).id), pdf("two"));
  way = Way::fails;
  EXPECT_EQ(read(must(send_whole(pdf("three"))).id), pdf("three"));
  EXPECT_EQ(files(), 3u);
}

TEST_P(AttachmentsTest, AreThePersonsOwn) {
  const Attachment one = must(send(pdf()));
  EXPECT_FALSE(find(one.id, 2));
  EXPECT_FALSE(find(AttachmentId(one.id.value() + 1)));
}

TEST_P(AttachmentsTest, OfTheSameContentAreOneFile) {
  const Attachment one = must(send(pdf(), 1));
  const Attachment other = must(send(pdf(), 2));
  EXPECT_EQ(one.sha256, other.sha256);
  EXPECT_NE(one.id, other.id);
  EXPECT_EQ(files(), 1u);
}

TEST_P(AttachmentsTest, AreRefusedByTheirBytesAndSize) {
  const std::vector<std::string> pictures{"jpeg", "png"};
  EXPECT_EQ(code_of(send("MZ not a document", 1, "a.pdf")), "attachment.type");
  EXPECT_EQ(code_of(send(pdf(), 1, "a.png", 5000, pictures)), "attachment.type");
  EXPECT_EQ(code_of(send("", 1)), "attachment.size");
  EXPECT_EQ(code_of(send(pdf(std::string(5000, 'x')), 1, "a.pdf", 5000)), "attachment.size");
  EXPECT_EQ(code_of(send(pdf("MALWARE"))), "attachment.infected");
  EXPECT_EQ(files(), 0u);
  must(send(jpeg(std::string(5000 - 6, 'x')), 1, "a.jpg", 5000, pictures));  // just as large as it may be
  EXPECT_EQ(files(), 1u);
}

TEST_P(AttachmentsTest, WaitForAScannerAndNobodyOpensThem) {
  scanner.away = true;
  const Attachment one = must(send(pdf()));
  EXPECT_EQ(one.scan, Scan::waiting);
  EXPECT_EQ(read(one.id), "attachment.waiting");
  must(attachments->tick());
  EXPECT_EQ(read(one.id), "attachment.waiting");
  EXPECT_EQ(attachments->waiting(), 1);
  scanner.away = false;
  must(attachments->tick());  // it isn't asked again at once
  EXPECT_EQ(read(one.id), "attachment.waiting");
  clock.advance(10s);
  must(attachments->tick());
  EXPECT_EQ(read(one.id), pdf());
  EXPECT_EQ(attachments->waiting(), 0);
}

TEST_P(AttachmentsTest, ThatTurnOutInfectedGoForEverybody) {
  scanner.away = true;
  const Attachment one = must(send(pdf("MALWARE"), 1));
  const Attachment other = must(send(pdf("MALWARE"), 2));
  const Attachment good = must(send(pdf("good"), 1));
  scanner.away = false;
  must(attachments->tick());
  EXPECT_EQ(read(one.id), "attachment.infected");
  EXPECT_EQ(find(other.id, 2)->scan, Scan::infected);
  EXPECT_EQ(read(good.id), pdf("good"));
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(scanner.scans, 2);
}

TEST_P(AttachmentsTest, WithoutAScannerWaitForOne) {
  open(false);
  const Attachment one = must(send(pdf()));
  must(attachments->tick());
  EXPECT_EQ(read(one.id), "attachment.waiting");
  open(true);
  must(attachments->tick());
  EXPECT_EQ(read(one.id), pdf());
}

TEST_P(AttachmentsTest, AreDroppedAfterADayUnlessACaseNamesThem) {
  const Attachment loose = must(send(pdf("loose")));
  const Attachment kept = must(send(pdf("kept")));
  const Attachment drafted = must(send(pdf("drafted")));
  const Attachment shared = must(send(pdf("loose"), 2));
  uses[kept.id] = Use::kept;
  uses[shared.id] = Use::kept;
  uses[drafted.id] = Use::draft;
  clock.advance(23h);
  must(attachments->tick());
  EXPECT_EQ(read(loose.id), pdf("loose"));
  clock.advance(1h);
  must(attachments->tick());
  EXPECT_EQ(read(loose.id), "none");
  EXPECT_EQ(read(kept.id), pdf("kept"));
  EXPECT_EQ(read(drafted.id), pdf("drafted"));
  EXPECT_TRUE(find(shared.id, 2));
  EXPECT_EQ(files(), 3u);  // another's row needs the file
  uses.clear();            // the draft is gone; a case is never
  clock.advance(24h);
  must(attachments->tick());
  EXPECT_EQ(read(drafted.id), "none");
  EXPECT_EQ(read(kept.id), pdf("kept"));
  EXPECT_EQ(files(), 2u);
}

TEST_P(AttachmentsTest, LeaveNoFileWithoutARow) {
  must(send(pdf("kept")));
  const auto orphan = root / "aa" / std::string(64, 'a');
  std::filesystem::create_directory(root / "aa");
  must(write_file_atomically(orphan, as_bytes("of a program that died")));
  EXPECT_EQ(must(attachments->sweep()), 0);  // it may be somebody's who is about to write the row
  clock.advance(25h);
  EXPECT_EQ(must(attachments->sweep()), 1);
  EXPECT_FALSE(std::filesystem::exists(orphan));
  EXPECT_EQ(files(), 1u);
}

TEST_P(AttachmentsTest, AreNotMoreThanAnApplicationNeeds) {
  for (std::int64_t i = 0; i < Attachments::loose_max; ++i) must(send(pdf(std::to_string(i))));
  EXPECT_EQ(code_of(send(pdf("one more"))), "attachment.limit");
  EXPECT_EQ(files(), std::size_t(Attachments::loose_max));
  must(send(pdf("another's"), 2));
}

TEST_P(AttachmentsTest, MayBeNamedByAnswersOnlyAsTheFormAsks) {
  const Attachment one = must(send(pdf()));
  const std::vector<std::string> pictures{"jpeg"};
  const auto check = [&](const std::string& answer, const Allowed& allowed, std::uint64_t person = 1) {
    return code_of(opened.database->read([&](store::Session& session) {
      return attachments->check(session, PersonId(person), answer, allowed);
    }));
  };
  EXPECT_EQ(check(to_hex(one.id), {.types = any_type}), "none");
  EXPECT_EQ(check(to_hex(one.id), {.types = any_type}, 2), "attachment.unknown");
  EXPECT_EQ(check("zzz", {.types = any_type}), "attachment.unknown");
  EXPECT_EQ(check(to_hex(one.id), {.types = pictures}), "attachment.type");
  EXPECT_EQ(check(to_hex(one.id), {.types = any_type, .bytes_max = 10}), "attachment.size");
}

/// The same content is sent again and again while its rows are dropped: every row has its file.
TEST_P(AttachmentsTest, KeepTheFileOfWhoSendsWhatIsJustDropped) {
  constexpr int rounds = 40;
  for (int round = 0; round < rounds; ++round) {
    must(send(pdf("again"), std::uint64_t(1000 + round)));
    clock.advance(25h);
    std::optional<Attachment> sent;
    std::thread sender([&] { sent = must(send(pdf("again"), std::uint64_t(2000 + round))); });
    must(attachments->tick());
    sender.join();
    ASSERT_TRUE(attachments->read(*sent)) << round;
    clock.advance(25h);
    must(attachments->tick());
  }
}

}  // namespace
}  // namespace dayaq::services::attachments

#include "portal/portal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "portal/portal_test_support.hpp"

namespace dayaq::portal {
namespace {

using test::header;
using test::World;
using testing::HasSubstr;
using testing::Not;

const std::vector<std::string> pages{"/",
                                     "/regimes",
                                     "/regimes/special-quarantine",
                                     "/regimes/special-quarantine/territory",
                                     "/regimes/special-quarantine/versions/1",
                                     "/regimes/special-quarantine/versions/2",
                                     "/drafts/new",
                                     "/status"};

TEST(Portal, RendersEveryPageInEveryLanguageUnderFiftyKilobytesWithItsStyles) {
  World world;
  const std::string home = world.get("/").body;
  const std::size_t start = home.find("/static/");
  const auto styles = world.get(home.substr(start, home.find('"', start) - start));
  ASSERT_EQ(styles.status, 200);
  EXPECT_LT(styles.body.size(), 14'000u);
  for (const Language language : languages) {
    for (const std::string& path : pages) {
      const auto answer = world.get(path, language);
      EXPECT_EQ(answer.status, 200) << path;
      EXPECT_THAT(answer.body, HasSubstr("<html lang=\"" + std::string(to_string(language)) + "\">")) << path;
      EXPECT_THAT(answer.body, Not(HasSubstr("{{"))) << path;
      EXPECT_LT(answer.body.size() + styles.body.size(), 50'000u) << path << ' ' << to_string(language);
    }
  }
}

TEST(Portal, ShowsWhatARegimeGivesAndWhomItReaches) {
  World world;
  const std::string page = world.get("/regimes/special-quarantine", Language::en).body;
  EXPECT_THAT(page, HasSubstr("In force"));
  EXPECT_THAT(page, HasSubstr("24 March 2026 to 23 March 2027 · 122 days left"));
  EXPECT_THAT(page, HasSubstr("Persons with the status “Health worker” or “Health specialist”"));
  EXPECT_THAT(page, HasSubstr("Free calls, 600 minutes a month"));
  EXPECT_THAT(page, HasSubstr("<title>Baku: "));
  EXPECT_THAT(page, HasSubstr("Version 2 of this regime awaits approval."));
  EXPECT_THAT(page, HasSubstr("not connected"));
  EXPECT_THAT(page, HasSubstr("12 behind"));
  EXPECT_THAT(page, HasSubstr("href=\"/v1/audit/proofs/inclusion?index=1&amp;size=5\""));
  EXPECT_THAT(page, HasSubstr("href=\"/v1/audit/proofs/inclusion?index=4&amp;size=5\""));
}

TEST(Portal, ShowsOneMeasureOnTheMapAndKeepsItWhenTheLanguageChanges) {
  World world;
  const auto page = world.get("/regimes/special-quarantine", Language::en, "measure=home-tv").body;
  EXPECT_THAT(
      page,
      HasSubstr("residents “All IPTV and cable channels free for customers who must stay at home” reaches"));
  EXPECT_THAT(page, HasSubstr("href=\"/regimes/special-quarantine?measure=home-tv&amp;lang=ru\""));
  const auto foreign =
      world.get("/regimes/special-quarantine", Language::en, "measure=%22%3E%3Cscript%3E").body;
  EXPECT_THAT(foreign, Not(HasSubstr("<script")));
  EXPECT_THAT(foreign, HasSubstr("href=\"/regimes/special-quarantine?lang=ru\""));
}

TEST(Portal, EscapesWhateverATextHolds) {
  World world;
  regime::Regime hostile = test::quarantine();
  const std::string attack = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;";
  hostile.code = RegimeCode("hostile");
  hostile.title = hostile.summary = {attack, attack, attack};
  for (auto& measure : hostile.measures) measure.title = measure.legal_basis = hostile.title;
  world.book.add(hostile, world.clock.now() - std::chrono::days(2), true);
  world.book.add(hostile, world.clock.now() - std::chrono::days(1), false);
  world.figures.feed_states.front().provider = hostile.title;
  for (const std::string path : {"/", "/regimes", "/regimes/hostile", "/regimes/hostile/territory",
                                 "/regimes/hostile/versions/1", "/regimes/hostile/versions/2", "/status"}) {
    const auto answer = world.get(path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("<script"))) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("<img"))) << path;
    EXPECT_THAT(answer.body, HasSubstr("&lt;script&gt;")) << path;
  }
  const auto draft = world.post_draft("</textarea><script>alert(1)</script>");
  EXPECT_THAT(draft.body, Not(HasSubstr("<script")));
}

TEST(Portal, SaysThereIsNoSuchPage) {
  World world;
  for (const std::string path :
       {"/regimes/unknown", "/regimes/NOT%20A%20CODE", "/regimes/special-quarantine/versions/9",
        "/regimes/special-quarantine/versions/01", "/static/x/nothing.css"}) {
    const auto answer = world.get(path, Language::en);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_THAT(answer.body, HasSubstr("There is no such page")) << path;
  }
}

TEST(Portal, GivesTheErrorPageToPersonsForWhatNoRouteAnswers) {
  World world;
  http::Request request;
  request.path = "/nowhere";
  request.language = Language::ru;
  ASSERT_TRUE(world.router.error_page());
  for (const auto& [status, text] : {std::pair(404, "Такой страницы нет"),
                                     {400, "Мы не поняли запрос"},
                                     {413, "Отправленное слишком велико"},
                                     {503, "Система перегружена"},
                                     {500, "У нас произошёл сбой"}}) {
    const auto page = world.router.error_page()(request, {.status = status, .code = "", .detail = ""});
    EXPECT_EQ(page.status, status);
    EXPECT_THAT(page.body, HasSubstr(text));
    EXPECT_THAT(page.body, HasSubstr("href=\"/\""));
  }
}

TEST(Portal, SaysWhatToDoWhileThePopulationIsNotReady) {
  World world;
  world.previews.broken = true;
  const auto answer = world.get("/regimes/special-quarantine", Language::en);
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, HasSubstr("Open this page again in a minute."));
}

TEST(Portal, RemembersAChosenLanguage) {
  World world;
  const auto chosen = world.get("/", Language::en, "lang=en");
  EXPECT_EQ(header(chosen, "Set-Cookie"), "lang=en; Path=/; Max-Age=31536000; SameSite=Lax");
  EXPECT_EQ(header(chosen, "Content-Language"), "en");
  EXPECT_EQ(header(world.get("/", Language::en), "Set-Cookie"), "");
  EXPECT_EQ(header(world.get("/", Language::az, "lang=xx%0d%0a"), "Set-Cookie"), "");
}

TEST(Portal, ForbidsForeignScriptsStylesAndFrames) {
  World world;
  for (const std::string& path : pages) {
    const auto answer = world.get(path);
    EXPECT_EQ(header(answer, "Content-Security-Policy"),
              "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    EXPECT_THAT(answer.body, Not(HasSubstr(" style="))) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("<style"))) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("http://"))) << path;
  }
}

TEST(Portal, LetsStaticFilesBeKeptForGoodUnderTheAddressOfTheirContent) {
  World world;
  const std::string home = world.get("/").body;
  const std::size_t start = home.find("/static/");
  const std::string path = home.substr(start, home.find('"', start) - start);
  EXPECT_EQ(header(world.get(path), "Cache-Control"), "public, max-age=31536000, immutable");
  const auto other = world.get("/static/0000/dayaq.css");
  EXPECT_EQ(other.status, 200);
  EXPECT_EQ(header(other, "Cache-Control"), "no-cache");
  EXPECT_THAT(other.body, Not(HasSubstr("/*")));
  EXPECT_THAT(other.body, Not(HasSubstr("\n")));
}

TEST(Portal, ShowsADraftBesideWhatIsInForce) {
  World world;
  const std::string page = world.get("/regimes/special-quarantine/versions/2", Language::en).body;
  EXPECT_THAT(page, HasSubstr("This is a draft that awaits approval."));
  EXPECT_THAT(page, HasSubstr("Compared with version 1 of this regime, which is in force."));
  EXPECT_THAT(page, HasSubstr("Assumed"));
  const std::string old = world.get("/regimes/special-quarantine/versions/1", Language::en).body;
  EXPECT_THAT(old, Not(HasSubstr("What would change")));
}

TEST(Portal, ChecksAFileAndStoresNothing) {
  World world;
  const auto good = world.post_draft(test::quarantine_file(), Language::en);
  EXPECT_EQ(good.status, 200);
  EXPECT_THAT(good.body, HasSubstr("The file is right: 10 measures."));
  EXPECT_THAT(good.body, HasSubstr("What would change"));
  EXPECT_THAT(good.body, HasSubstr("formaction=\"/drafts/check?lang=ru\""));
  EXPECT_EQ(world.book.all.size(), 2u);
}

TEST(Portal, GivesADraftBackInItsFormJustAsItWasSent) {
  World world;
  const auto answer = world.post_draft("a: [\r\n\tb  c: <d> & \"e\"\r\n\r\n# f", Language::en);
  EXPECT_THAT(answer.body, HasSubstr(">a: [\n\tb  c: &lt;d&gt; &amp; &quot;e&quot;\n\n# f</textarea>"));
}

TEST(Portal, ShowsTheCheckpointLineByLine) {
  World world;
  EXPECT_THAT(world.get("/status").body,
              HasSubstr(">az.dayaq.example/log\n2\nAAAA\n\n— az.dayaq.example/log BBBB\n</pre>"));
}

TEST(Portal, ShowsEachErrorOfAFileWithItsLineAndACaret) {
  World world;
  std::string text = test::quarantine_file();
  const std::size_t at = text.find("status: pensioner");
  text.replace(at, 17, "status: pensionr_");
  const auto answer = world.post_draft(text, Language::en);
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr("1 error found"));
  EXPECT_THAT(answer.body, HasSubstr("    who: {status: pensionr_}\n<mark>                  ^</mark>"));
  EXPECT_THAT(world.post_draft(" \r\n", Language::en).body, HasSubstr("There is nothing to check."));
  EXPECT_THAT(world.post_draft("\xff\xfe", Language::en).body, HasSubstr("not encoded in UTF-8"));
}

TEST(Portal, CountsOncePerVersionHoweverManyPeopleLook) {
  World world;
  for (int i = 0; i < 50; ++i) (void)world.get("/regimes/special-quarantine");
  EXPECT_EQ(world.previews.counted, 1);
  world.clock.advance(std::chrono::seconds(10));
  (void)world.get("/regimes/special-quarantine");
  EXPECT_EQ(world.previews.counted, 2);
}

TEST(Portal, SaysHowFarBehindEachEdgeOfAnOperatorIs) {
  World world;
  for (const std::string path : {"/regimes/special-quarantine", "/status"}) {
    const std::string page = world.get(path, Language::en).body;
    EXPECT_THAT(page, HasSubstr("<div>nar-1: 12 behind, for 7 s</div><div>nar-2: up to date</div>")) << path;
    EXPECT_THAT(page, HasSubstr("<div>nar-3: 50 behind, for 5 min; last heard ")) << path;
    EXPECT_THAT(page, HasSubstr("<div>nar-4: not connected</div>")) << path;
    EXPECT_THAT(page, HasSubstr("<div>not connected</div>")) << "Azercell has none enrolled";
  }
  EXPECT_THAT(world.get("/status", Language::az).body, HasSubstr("nar-1: 12 nömrə geri, 7 san"));
  EXPECT_THAT(world.get("/status", Language::ru).body, HasSubstr("nar-1: отстаёт на 12, уже 7 с"));
}

TEST(Portal, ServesACountryWithoutRegimes) {
  World world;
  world.book.all.clear();
  EXPECT_THAT(world.get("/", Language::en).body, HasSubstr("No regime is in force now."));
  EXPECT_THAT(world.get("/regimes", Language::en).body, HasSubstr("No regime has been submitted yet."));
  world.figures.feed_states.clear();
  EXPECT_THAT(world.get("/status", Language::en).body, HasSubstr("There is no operator’s feed yet."));
}

}  // namespace
}  // namespace dayaq::portal

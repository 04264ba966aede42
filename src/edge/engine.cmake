if(DAYAQ_TESTS)
  find_package(rapidcheck REQUIRED)
endif()

# What was used and what is reserved: the journal, accounts, leases, verdicts, and what siblings tell.
dayaq_module(NAME edge_engine ROOM edge
  SOURCES accounts.cpp accounts_checkpoint.cpp engine.cpp engine_checkpoint.cpp engine_decide.cpp engine_state.cpp
    journal.cpp journal_files.cpp journal_format.cpp leases.cpp quota_period.cpp siblings.cpp siblings_format.cpp
  HEADERS accounts.hpp accounts_checkpoint.hpp engine.hpp engine_core.hpp engine_state.hpp journal.hpp
    journal_files.hpp journal_format.hpp leases.hpp quota_period.hpp siblings.hpp
  DEPS dayaq::edge_replica dayaq::http
  TESTS accounts_test.cpp engine_model_test.cpp engine_recovery_test.cpp engine_test.cpp journal_test.cpp
    leases_test.cpp quota_period_test.cpp siblings_test.cpp
  TEST_DEPS rapidcheck)

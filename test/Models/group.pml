/* The protocol of processes that work together, for spin: how they start, run
 * collectives, say what comes next, and end. What a rank may do in which state is
 * the table of the runtime, runtime/src/comm/Protocol.def, itself: `advance`
 * fails if a rank does what the table does not have.
 *
 * RANKS ranks agree, rank 0 tells the others that there is a step, they run
 * COLLECTIVES collectives, rank 0 tells the end, and they meet once more. One rank, at any point
 * between two messages, dies or stalls (it sends no more; nobody kills the
 * others), fails (it ends the group), or brings something else than the others.
 * Checked: nobody waits for ever but who stalls; without a fault all end well; no
 * rank reads before all have sent, none reads what differs; ranks that cannot
 * work together all know it.
 */
#ifndef RANKS
#define RANKS 3
#endif
#ifndef COLLECTIVES
#define COLLECTIVES 2
#endif
#define NOBODY RANKS

#define STATE(name) mtype = { name };
#define EVENT(name) mtype = { name };
#define TRANSITION(from, event, to)
#include "Protocol.def"
#undef STATE
#undef EVENT
#undef TRANSITION

mtype = { runs, ends, reports, isStopped, isKilled };

/* Messages of i for j in exchanges of all: the agreement, then collectives. */
byte sent[RANKS * RANKS];
byte wrong[RANKS]; /* the exchange in which a rank differs, from 1; 0: none */
byte told[RANKS];  /* what rank 0 has said to each: steps and the end */
byte guilty = NOBODY;
bool aborted = false; /* MPI_Abort: the launcher ends the others */
mtype protocol[RANKS];
mtype fate[RANKS];
bool isRefused[RANKS];

inline advance(event) {
  atomic {
    if
#define STATE(name)
#define EVENT(name)
#define TRANSITION(from, what, to)                                             \
  :: protocol[self] == from && event == what -> protocol[self] = to
#include "Protocol.def"
    :: else -> assert(false)
    fi
  }
}

/* One message to each of the others; the guilty one may stop before any. */
inline sendAll() {
  number++;
  for (other : 0 .. RANKS - 1) {
    if
    :: guilty == self -> goto stopped
    :: true ->
      if
      :: other != self -> sent[self * RANKS + other]++
      :: else
      fi
    fi
  }
}

#define HAS_FROM(other) (other == self || sent[other * RANKS + self] >= number)
#if RANKS == 2
#define HAS_ALL (HAS_FROM(0) && HAS_FROM(1))
#else
#define HAS_ALL (HAS_FROM(0) && HAS_FROM(1) && HAS_FROM(2))
#endif

/* Sleeps until `what`, or fails. Without a fault the limit never passes. */
inline waitFor(what) {
  if
  :: what
  :: aborted -> advance(lose); goto killed
#ifndef NO_LIMIT
  :: guilty != NOBODY && !(what) -> advance(late); goto report
#endif
  fi
}

inline tellAll() {
  advance(tell);
  for (other : 1 .. RANKS - 1) {
    if
    :: guilty == self -> goto stopped
    :: true -> told[other]++
    fi
  }
  advance(complete)
}

inline hear() {
  heard++;
  advance(listen);
  waitFor(told[self] >= heard);
  advance(complete)
}

/* Sets `differs` if what has come is not the same. */
inline compare() {
  differs = false;
  for (other : 0 .. RANKS - 1) {
    differs = differs || wrong[other] == number
  }
}

proctype rank(byte self) {
  byte number = 0, heard = 0;
  byte other;
  bool differs;

  if
  :: guilty == self -> wrong[self] = 1
  :: guilty == self -> wrong[self] = 2
  :: guilty == self -> wrong[self] = 1 + COLLECTIVES
  :: true
  fi;

  advance(agree);
  sendAll();
  waitFor(HAS_ALL);
  compare();
  if
  :: differs -> advance(differ); isRefused[self] = true; goto last
  :: else -> advance(complete)
  fi;
  if
  :: self == 0 -> tellAll()
  :: else -> hear()
  fi;

  do
  :: number == 1 + COLLECTIVES -> break
  :: number < 1 + COLLECTIVES ->
    if
    :: guilty == self -> advance(lose); goto report
    :: true
    fi;
    advance(offer);
    sendAll();
    waitFor(HAS_ALL);
    advance(complete);
    compare();
    if
    :: differs -> advance(differ); goto report
    :: else
    fi;
    assert(protocol[self] == reading && HAS_ALL);
    if
    :: number == 1 + COLLECTIVES -> advance(leave) /* the end of the step */
    :: else -> advance(close); advance(complete)
    fi
  od;

last:
  if
  :: self == 0 -> tellAll()
  :: else -> hear()
  fi;
  /* Whoever is lost behind its last step is missed. */
  advance(agree);
  sendAll();
  waitFor(HAS_ALL);
  advance(complete);
  fate[self] = ends;
  goto over;

report:
  aborted = true;
  fate[self] = reports;
  goto over;
killed:
  fate[self] = isKilled;
  goto over;
stopped:
  fate[self] = isStopped;
over:
  skip
}

init {
  byte i;
  atomic {
    for (i : 0 .. RANKS - 1) {
      protocol[i] = idle;
      fate[i] = runs
    }
    if
    :: guilty = NOBODY
    :: guilty = 0
    :: guilty = RANKS - 1
    fi;
    for (i : 0 .. RANKS - 1) {
      run rank(i)
    }
  }
  (_nr_pr == 1);
  for (i : 0 .. RANKS - 1) {
    assert(fate[i] != runs);
    assert(guilty != NOBODY || fate[i] == ends);
    assert(fate[i] != isStopped || guilty == i);
    /* Who is killed is killed because somebody has reported. */
    assert(fate[i] != isKilled || aborted);
    /* All who got as far as that know that they cannot work together. */
    assert(fate[i] != ends || isRefused[i] == (wrong[0] == 1 ||
           wrong[RANKS - 1] == 1))
  }
}

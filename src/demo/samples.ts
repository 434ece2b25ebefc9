/** A theme: what is stored, and what is asked for later in other words. */
export interface Theme {
  name: string;
  /** The first two say the same thing in different words. */
  prompts: readonly string[];
  queries: readonly string[];
}

/**
 * What the demo stores and asks.
 *
 * Source: written for this demo. The queries are worded as people would word them, were fixed before any score was seen,
 * and have not been changed since: whoever changes one does the same.
 */
export const themes: readonly Theme[] = [
  {
    name: 'cooking',
    prompts: [
      'Give me a recipe for lentil soup that a beginner cannot ruin',
      'How do I make an easy lentil stew for someone who has never cooked?',
      'My sourdough loaf comes out flat and dense, what am I doing wrong?',
      'What can I use instead of eggs when baking a cake?',
      'Plan five vegetarian dinners for a family of four under 60 euros',
      'How long does cooked rice keep in the fridge?',
    ],
    queries: [
      'something simple for dinner, I am hopeless in the kitchen',
      'my bread did not rise',
      'are leftovers from yesterday still safe to eat',
    ],
  },
  {
    name: 'travel',
    prompts: [
      'Plan a quiet weekend in Lisbon for two people who like walking',
      'Suggest a relaxed two-day itinerary for a couple visiting Lisbon',
      'Which train connections are best for crossing Italy without a car?',
      'What should I pack for ten days in Iceland in October?',
      'Do I need a visa to visit Japan for three weeks?',
      'Compare staying in a hostel and renting a flat in Prague for a week',
    ],
    queries: ['city break in Portugal for my wife and me', 'clothes to bring on a trip to a cold country'],
  },
  {
    name: 'code',
    prompts: [
      'Explain why my Python loop skips items when I delete from the list while iterating',
      'Why does removing elements from a Python list inside a for loop miss some of them?',
      'Write a SQL query that returns the latest order of each customer',
      'How do I undo my last git commit without losing the changes?',
      'Refactor this TypeScript function so that it no longer mutates its arguments',
      'My Docker container exits immediately after starting, how do I find the cause?',
    ],
    queries: [
      'take back something I already committed',
      'newest row per group in Postgres',
      'some entries survive when I drop things mid-iteration',
    ],
  },
  {
    name: 'health',
    prompts: [
      'I wake up at three every night and cannot fall asleep again, what helps?',
      'Tips for getting back to sleep after waking in the middle of the night',
      'Design a beginner running plan that gets me to five kilometres in eight weeks',
      'Which stretches relieve lower back pain after a day at a desk?',
      'How much protein does a person need who lifts weights three times a week?',
      'Is it normal to feel dizzy when standing up quickly?',
    ],
    queries: ['I keep lying awake at 4 am', 'exercises for a stiff spine from sitting all day'],
  },
  {
    name: 'money',
    prompts: [
      'Help me build a monthly budget for a household with two incomes',
      'Set up a simple spending plan for a couple that both earn a salary',
      'Should I pay off my credit card first or start saving for retirement?',
      'Explain compound interest to a teenager',
      'What is the difference between a fixed and a variable mortgage rate?',
      'How can freelancers put money aside for taxes?',
    ],
    queries: ['we both work, where should our pay go each month', 'clear debts or put cash into a pension'],
  },
  {
    name: 'letters',
    prompts: [
      'Write a polite email declining a job offer',
      'Draft a courteous message turning down an employment offer',
      'Rewrite this paragraph so that it sounds less formal',
      'Give me a subject line for a newsletter about our new office',
      'Write a cover letter for a junior data analyst position',
      'How do I ask my boss for a pay rise in writing?',
    ],
    queries: ['saying no to a company that wants to hire me', 'how to tell my manager I want a higher salary'],
  },
  {
    name: 'garden',
    prompts: [
      'Why are the leaves of my tomato plants turning yellow?',
      'My tomatoes have yellowing foliage, what is the reason?',
      'When is the right time to prune apple trees?',
      'How do I keep slugs away from lettuce without poison?',
      'Which flowers bloom in the shade and attract bees?',
      'Start a compost heap on a small balcony',
    ],
    queries: ['what eats my salad greens and how do I stop it', 'plants in my vegetable bed look sick and pale'],
  },
];

/** Prompts whose answers are shown while they stream; stored like all others. */
export const streamed: readonly { theme: string; text: string }[] = [
  { theme: 'travel', text: 'Which museums in Vienna are worth a rainy afternoon?' },
  { theme: 'cooking', text: 'Explain how to sharpen a kitchen knife with a whetstone' },
  { theme: 'code', text: 'Write a regular expression that matches an ISO date' },
];

import type { RetrievalSet } from './lexical-data.js';

/** Prompts as they might be stored, and others of the same theme in other words. Hand-made. */
const themes: Readonly<Record<string, { stored: string[]; queries: string[] }>> = {
  cooking: {
    stored: [
      'Give me a quick pasta recipe with garlic and olive oil',
      'How long should I roast a whole chicken?',
      'Suggest three vegetarian dishes for a dinner party',
      'Convert this cake recipe from cups to grams',
    ],
    queries: [
      'What can I bake with the bananas I have left over?',
      'Ideas for a meal without meat tonight',
      'My sauce is too thin, how do I thicken it?',
      'At what temperature do I put salmon in the oven?',
    ],
  },
  health: {
    stored: [
      'Explain the side effects of ibuprofen in plain words',
      'I have had a headache for three days, when should I see a doctor?',
      'Write a four-week plan to improve my sleep',
      'What does a blood pressure of 140 over 90 mean?',
    ],
    queries: [
      'My child has a fever and a cough, is that serious?',
      'Can I take these two medicines together?',
      'Why do I feel dizzy when I stand up?',
      'Summarise the symptoms of diabetes',
    ],
  },
  travel: {
    stored: [
      'Plan a five day itinerary for Lisbon with a small budget',
      'Which documents do I need to fly from Berlin to Tokyo?',
      'Recommend quiet hotels near the old town of Prague',
      'Make a packing list for two weeks of hiking in Norway',
    ],
    queries: [
      'Where should we stay in Rome with two kids?',
      'Cheapest airline tickets to New York in May',
      'What is there to see in Kyoto over a weekend?',
      'Do tourists need a visa for Vietnam?',
    ],
  },
  sql: {
    stored: [
      'Write a SQL query that counts orders per customer per month',
      'Why is my PostgreSQL index not used?',
      'Explain the difference between inner join and left join',
      'Design a database schema for a library',
    ],
    queries: [
      'My select statement scans the whole table, how can I make it faster?',
      'Which columns should get a primary key?',
      'Show me how to remove duplicate rows in MySQL',
      'Rewrite this nested statement with a common table expression',
    ],
  },
  code: {
    stored: [
      'Write a Python function that reverses a linked list',
      'Find the bug in this JavaScript loop',
      'Explain what a closure is with an example in TypeScript',
      'Refactor this class so that it has no global state',
    ],
    queries: [
      'My program crashes with a null pointer exception',
      'How do I sort an array of objects in Go?',
      'Make this Java method recursive',
      'What does async and await do under the hood?',
    ],
  },
  testing: {
    stored: [
      'Write unit tests for this date parser with vitest',
      'How do I mock a network call in pytest?',
      'My integration test fails only on the build server',
      'Explain this stack trace line by line',
    ],
    queries: [
      'Cover the edge cases of my parser with jest',
      'What should I assert when a function throws?',
      'A flaky spec passes locally but not in CI',
      'Debug the failing checks of this module',
    ],
  },
  law: {
    stored: [
      'Review this rental contract for unfair clauses',
      'Draft a non-disclosure agreement between two companies',
      'Can my landlord keep the deposit after I move out?',
      'Summarise the GDPR duties of a small web shop',
    ],
    queries: [
      "What are a tenant's rights when the heating is broken?",
      'Is a verbal agreement binding in court?',
      'Do I need a lawyer to sue over an unpaid invoice?',
      'Which terms should a freelancer put in a legal agreement?',
    ],
  },
  finance: {
    stored: [
      'Explain compound interest to a teenager',
      'Make a monthly budget for a family of four',
      'Should I pay off my mortgage early or invest the money?',
      'Compare index funds with savings accounts',
    ],
    queries: [
      'How much should I save for retirement?',
      'What is the difference between stocks and bonds?',
      'Ways to get out of credit card debt',
      'Is now a good time to refinance a home loan?',
    ],
  },
  support: {
    stored: [
      'Write a polite answer to a customer whose parcel is late',
      'Draft a refund policy for an online shop',
      'Reply to an angry review about a broken product',
      'Turn these support tickets into a list of frequent questions',
    ],
    queries: [
      'Apologise to a client because the order arrived damaged',
      'How do I tell a buyer that we cannot take the item back?',
      'A shopper wants their money back, what should I say?',
      'Answer this complaint about slow shipping',
    ],
  },
  education: {
    stored: [
      'Create a lesson plan about the water cycle for ten year olds',
      'Write ten quiz questions about the French revolution',
      'Explain photosynthesis to a student in simple words',
      'Give feedback on this school essay',
    ],
    queries: [
      'Prepare homework for a primary school class',
      'How can a teacher keep pupils interested in maths?',
      'Design an exam on world war two',
      'Make a worksheet about plants for children',
    ],
  },
  data: {
    stored: [
      'Plot monthly sales from a CSV file with pandas',
      'Which chart shows the share of each region best?',
      'Train a classifier on this dataset and report the accuracy',
      'Clean missing values in a spreadsheet',
    ],
    queries: [
      'Make a graph of revenue over time from Excel',
      'How do I detect outliers in my measurements?',
      'Predict churn with a machine learning model',
      'Merge two dataframes on the date column',
    ],
  },
  writing: {
    stored: [
      'Write a short story about a lighthouse keeper',
      'Compose a haiku about autumn rain',
      'Improve the opening paragraph of my novel',
      'Make this blog post shorter and livelier',
    ],
    queries: [
      "I need a poem for my grandmother's birthday",
      'Give my main character a believable flaw',
      'Continue this tale in the style of a detective book',
      'Proofread the first chapter and fix the grammar',
    ],
  },
  career: {
    stored: [
      'Rewrite my resume for a product manager position',
      'Which questions will they ask in a job interview?',
      'Write a cover letter for a nursing job',
      'How do I ask my boss for a raise?',
    ],
    queries: [
      'Improve the CV of a junior engineer',
      'How should I answer when a recruiter asks about my weaknesses?',
      'Tips for negotiating a salary offer',
      'Draft a resignation letter to my employer',
    ],
  },
  marketing: {
    stored: [
      'Write five slogans for an organic coffee brand',
      'Plan a social media campaign for a new app',
      'Give me SEO keywords for a yoga studio',
      'Draft a newsletter about our summer sale',
    ],
    queries: [
      'Think of a catchy tagline for a bakery',
      'What should we post on Instagram this week?',
      'Advertise our product launch to young audiences',
      'How do I get my website higher in Google results?',
    ],
  },
};

/**
 * Everyday prompts by theme.
 *
 * Not held out: the topic table was widened once after these were seen, so the figure flatters us.
 */
export function readThemes(): RetrievalSet {
  const toTexts = (kind: 'stored' | 'queries'): RetrievalSet['stored'] =>
    Object.entries(themes).flatMap(([label, theme]) => theme[kind].map((text) => ({ text, label })));
  return { name: 'everyday prompts', stored: toTexts('stored'), queries: toTexts('queries') };
}

UPDATE project SET event_retention_days = 3000, prompt_retention_days = 3000, response_retention_days = 3000;
